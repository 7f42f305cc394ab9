# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO's files, all in one place: annotated objects and lists of results."""

from __future__ import annotations

from yolo_fine.formats.coco_instances import CocoGroundTruth, read_instances
from yolo_fine.formats.coco_results import read_results, write_results

__all__ = ["CocoGroundTruth", "read_instances", "read_results", "write_results"]
