# SPDX-License-Identifier: AGPL-3.0-or-later
"""The packaged blocks: one idea a file. Importing this package registers them all."""

from __future__ import annotations

from yolo_fine.blocks.dilated import DilatedContext, DilatedFusion
from yolo_fine.blocks.dysample import DySample
from yolo_fine.blocks.ema import EMA
from yolo_fine.blocks.fine import FINE
from yolo_fine.blocks.fine_concat import FINEConcat

__all__ = ["EMA", "FINE", "DilatedContext", "DilatedFusion", "DySample", "FINEConcat"]
