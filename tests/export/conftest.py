# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checkpoints that export in seconds: a few convolutions, our blocks, a head whose scores are spread over 0 to 1."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn
from ultralytics import YOLO
from ultralytics.nn.modules import Detect

from yolo_fine.integration.versions import installed_version

pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = {0: "red", 1: "white"}
BACKBONE = [[-1, 1, "Conv", [32, 3, 2]], [-1, 1, "Conv", [32, 3, 2]], [-1, 1, "Conv", [48, 3, 2]]]
HEAD: list[list[Any]] = [
    [[-1, 1], 1, "FINE", [1]],
    [2, 1, "DySample", [2]],
    [-1, 1, "EMA", []],
]
HEADS = {
    "detect": ["Detect", ["nc"]],
    "segment": ["Segment", ["nc", 8, 16]],
    "pose": ["Pose", ["nc", [5, 3]]],
    "obb": ["OBB", ["nc", 1]],
}


def make_checkpoint(
    file: Path, *, end2end: bool = False, task: str = "detect", rows: Sequence[list[Any]] = HEAD
) -> Path:
    """Two levels at strides 4 and 8, with ``rows`` (FINE, DySample and EMA) between backbone and head."""
    head = [*rows, [[len(BACKBONE) + len(rows) - 1, 2], 1, *HEADS[task]]]
    content = {"nc": 2, "kpt_shape": [5, 3], "backbone": BACKBONE, "head": head, "scales": {"n": [1.0, 1.0, 1024]}}
    if end2end:
        content |= {"end2end": True, "reg_max": 1}
    source = file.with_name(f"yolo{'26' if end2end else '11'}n-tiny.yaml")
    source.write_text(yaml.safe_dump(content))
    torch.manual_seed(0)
    model = YOLO(str(source), task=task)
    network = model.model
    network.names = dict(NAMES)
    wake(network)
    for name, branch in network.model[-1].named_modules():
        if isinstance(branch, nn.Conv2d) and name.split(".")[0].endswith(("cv2", "cv3")) and name.endswith(".2"):
            scores = "cv3" in name
            weight = nn.init.normal_(branch.weight, std=1.0 if scores else 0.2).data
            weight -= weight.mean(1, keepdim=True)  # activations are positive: else one class would win everywhere
            nn.init.constant_(branch.bias, -4.0 if scores else 2.0)  # few boxes, and no side of a box is negative
    model.save(file)
    return file


def wake(network: nn.Module) -> None:
    """Norms see noise, and what starts as zero moves: blocks that start as the identity would hide their faults."""
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        for layer in network.model:
            if not isinstance(layer, Detect):
                for parameter in layer.parameters():
                    if not parameter.any():
                        parameter.uniform_(0.1, 0.5)
        network.train()(torch.rand(4, 3, 64, 64))
    for norm in norms:
        norm.momentum = 0.03
    network.eval()


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if installed_version() < (8, 3, 253):
        pytest.skip("older releases ask for the onnxscript exporter")
    folder = tmp_path_factory.mktemp("checkpoints")
    make_checkpoint(folder / "grid.pt")
    if installed_version() >= (8, 4, 0):
        make_checkpoint(folder / "end2end.pt", end2end=True)
    return folder


@pytest.fixture
def grid(_made: Path, tmp_path: Path) -> Path:
    """A checkpoint with the raw output of YOLOv8 to YOLO11."""
    pytest.importorskip("onnxruntime")
    return Path(shutil.copy(_made / "grid.pt", tmp_path / "best.pt"))


@pytest.fixture
def end2end(_made: Path, tmp_path: Path) -> Path:
    """A checkpoint with the NMS-free head of YOLO26."""
    pytest.importorskip("onnxruntime")
    if not (_made / "end2end.pt").exists():
        pytest.skip("this Ultralytics has no YOLO26")
    return Path(shutil.copy(_made / "end2end.pt", tmp_path / "best.pt"))
