# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much the tests run: by default what takes minutes, with ``YOLO_FINE_ALL=1`` everything.

The default is a fixed selection that holds every family, task, kind of block and past fault that a test is about.

Tests marked ``slow`` (``torch.compile`` of blocks, every block in a composed and in an exported model) run by default
only where something changed since they last passed: the block's file, a layer or block that it is built of, the test,
the contract or what places blocks in models, or the version of torch or Ultralytics. ``tests/slow_tests_passed.json``
keeps a fingerprint of these for each test; a run in which a test passes renews its line, and the file is committed with
the change. That needs no history and no network, so a shallow clone or a source package decides the same; without the
file, or with another torch, they all run.
"""

from __future__ import annotations

import os
from pathlib import Path

ALL = os.environ.get("YOLO_FINE_ALL") == "1"

# Of the model YAMLs that Ultralytics ships: every family, every task, and the layers that few models have.
STOCK = {
    "yolov3-tiny",
    "yolov5-p6",
    "yolov6",
    "yolov8",
    "yolov8-cls-resnet50",
    "yolov8-ghost-p2",
    "yolov8-rtdetr",
    "yolov8-world",
    "yolov8-worldv2",
    "yolov9c",
    "yolov9e-seg",
    "yolov10n",
    "yolo11",
    "yolo11-obb",
    "yoloe-11-seg",
    "yolo12-pose",
    "yolo26",
    "yolo26-cls",
    "yolo26-depth",
    "yolo26-seg",
    "yolo26-sem",
    "rtdetr-resnet50",
}

# Blocks whose backward pass is traced too when they are compiled in training: of every kind, with indices and pooling.
TRACED_BACKWARDS = {"FINE", "LCCM", "DySample", "CBAM", "SRA", "DCDC"}


def some_stock(files: list[Path]) -> list[Path]:
    """The selection out of ``files``, which an older Ultralytics may not ship completely."""
    return [file for file in files if ALL or file.stem in STOCK]


def each_variant(names: list[str]) -> list[str]:
    """Every packaged variant (``-fine``, ``-small``) in one family, the families in turn."""
    chosen = set()
    for turn, variant in enumerate(sorted({name.split("-", 1)[1] for name in names})):
        having = [name for name in sorted(names) if name.endswith(f"-{variant}")]
        chosen.add(having[turn % len(having)])
    return [name for name in names if ALL or name in chosen]
