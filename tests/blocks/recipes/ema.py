# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of EMA."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.ema import EMA

PREFIX = "ema"


def build(name: str, about: dict[str, Any]) -> Recipe:
    block = EMA(**about["official"]["constructor"], gain=None)
    names = {key: (key,) for key in block.state_dict()}
    return Recipe(block, names, lambda module, x: module(x[0]))
