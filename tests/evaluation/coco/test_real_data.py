# SPDX-License-Identifier: AGPL-3.0-or-later
"""VisDrone images and a detector's boxes on them, which this repository must not carry.

``YOLO_FINE_VISDRONE_VAL`` names a folder with ``images``, ``labels``, ``annotations``, ``detections_yolov5su`` and
``expected_coco_rules.json``, what pycocotools says about these boxes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.formats.objects import Detections
from yolo_fine.formats.yolo_labels import read_split

FOLDER = os.environ.get("YOLO_FINE_VISDRONE_VAL")
pytestmark = pytest.mark.skipif(not FOLDER, reason="YOLO_FINE_VISDRONE_VAL names no folder with VisDrone images")
NAMES = ["pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor"]


@pytest.mark.parametrize("max_det", [100, 500])
def test_visdrone_by_coco_rules(max_det, tmp_path):
    folder = Path(str(FOLDER))
    data = {"train": str(folder / "images"), "val": str(folder / "images"), "names": NAMES}
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(data))
    truth = read_split(str(tmp_path / "data.yaml"))
    found = [np.loadtxt(folder / "detections_yolov5su" / f"{name}.txt", delimiter=",", ndmin=2) for name in truth.names]
    rows = np.concatenate(found)
    image = np.repeat(np.arange(len(found)), [len(one) for one in found])
    detections = Detections(image, rows[:, :4], rows[:, 5].astype(np.int64) - 1, rows[:, 4])
    metrics = evaluate_coco(truth, detections, parse_sizes("coco"), max_det=max_det).metrics

    expected = json.loads((folder / "expected_coco_rules.json").read_text())["pycocotools_without_ignored_regions"]
    assert metrics["AP"] == pytest.approx(expected[f"AP_{max_det}"], abs=1e-9)
    assert metrics["AP50"] == pytest.approx(expected[f"AP50_{max_det}"], abs=1e-9)
    for name in ("AR1", "AR10", f"AR{max_det}"):
        assert metrics[name] == pytest.approx(expected[name], abs=1e-9)
