# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ultralytics loads the exported file again: ``yolo val`` gives the checkpoint's metrics.

The detector is not trained, so its own best boxes serve as annotations: that gives it an mAP that is worth comparing.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from ultralytics import YOLO

from yolo_fine.exporter.prove import export_model

SIZE = 128


@pytest.fixture
def own_boxes(grid: Path, tmp_path: Path) -> Path:
    """Eight images of blurred noise, annotated with the best boxes that the checkpoint finds on them."""
    root = tmp_path / "own"
    random = np.random.default_rng(0)
    model = YOLO(grid)
    for kind in ("images", "labels"):
        (root / kind / "val").mkdir(parents=True)
    for index in range(8):
        image = cv2.GaussianBlur(random.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8), (0, 0), 2)
        image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
        cv2.imwrite(str(root / "images" / "val" / f"{index}.png"), image)
        boxes = model.predict(image, imgsz=SIZE, conf=0.05, iou=0.3, max_det=8, verbose=False)[0].boxes
        rows = [[int(c), *box] for c, box in zip(boxes.cls.tolist(), boxes.xywhn.tolist(), strict=True)]
        lines = [" ".join(str(min(value, 1) if i else value) for i, value in enumerate(row)) for row in rows]
        (root / "labels" / "val" / f"{index}.txt").write_text("\n".join(lines) + "\n")
    content = {"path": str(root), "train": "images/val", "val": "images/val", "names": model.names}
    (root / "own.yaml").write_text(yaml.safe_dump(content))
    return root / "own.yaml"


@pytest.mark.parametrize("options", [{"dynamic": True}, {"nms": True}])
def test_val_of_the_file_gives_the_metrics_of_the_checkpoint(
    grid: Path, own_boxes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    proof = export_model(str(grid), "onnx", imgsz=SIZE, runs=0, **options)
    assert proof.passed
    # not rect: this detector's stride is 8, and Ultralytics pads its checkpoint as if it were 32, but not the file
    settings = {"data": str(own_boxes), "imgsz": SIZE, "rect": False, "plots": False, "verbose": False, "workers": 0}
    ours = YOLO(grid).val(**settings, batch=1).box
    theirs = YOLO(proof.file, task="detect").val(**settings, batch=1).box
    assert ours.map > 0.2
    tolerance = 0.05 if options.get("nms") else 1e-3  # embedded NMS gives a box one class, yolo val several
    assert theirs.map == pytest.approx(ours.map, abs=tolerance)
    assert theirs.map50 == pytest.approx(ours.map50, abs=tolerance)
