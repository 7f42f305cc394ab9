# SPDX-License-Identifier: AGPL-3.0-or-later
"""The manifest names what was measured, and with what."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from yolo_fine import __version__
from yolo_fine.evaluation.manifest import build_manifest, file_hash
from yolo_fine.formats.objects import GroundTruth


def truth(side: float = 8.0) -> GroundTruth:
    boxes = np.array([[1.0, 2.0, side, 8.0], [3.0, 4.0, 5.0, 6.0]])
    return GroundTruth(
        names=("a", "b"),
        sizes=np.array([[64, 48], [64, 48]]),
        classes={1: "car"},
        image=np.array([0, 1]),
        boxes=boxes,
        category=np.array([1, 0]),
        area=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(2, dtype=bool),
    )


def test_it_names_versions_data_and_arguments() -> None:
    arguments = {"max_det": 500, "sizes": "coco", "out": Path("runs") / "eval", "conf": 0.001}
    manifest = build_manifest(truth(), "visdrone", None, ["coco"], arguments)
    assert torch.__version__.startswith(manifest["versions"]["torch"].split("+")[0])
    assert manifest["versions"]["yolo-fine"] == __version__
    assert manifest["data"]["images"] == 2
    assert manifest["data"]["objects"] == 1  # category 0 is no class
    assert manifest["arguments"]["out"] == str(Path("runs") / "eval")
    other = build_manifest(truth(side=9.0), "visdrone", None, ["coco"], arguments)
    assert other["data"]["fingerprint"] != manifest["data"]["fingerprint"]
    assert build_manifest(truth(), "visdrone", None, ["coco"], arguments) == manifest


def test_hash_of_a_model(tmp_path: Path) -> None:
    file = tmp_path / "best.onnx"
    file.write_bytes(b"model")
    assert file_hash(file) == hashlib.sha256(b"model").hexdigest()
    folder = tmp_path / "best_openvino_model"
    folder.mkdir()
    (folder / "best.bin").write_bytes(b"mo")
    (folder / "best.xml").write_bytes(b"del")
    assert file_hash(folder) == hashlib.sha256(b"model").hexdigest()
    assert file_hash(tmp_path / "yolo11n.pt") is None
