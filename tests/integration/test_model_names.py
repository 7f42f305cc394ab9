# SPDX-License-Identifier: AGPL-3.0-or-later
"""Names of models are read as Ultralytics reads them."""

from __future__ import annotations

import pytest
from ultralytics.nn.tasks import guess_model_scale

from yolo_fine.integration.model_names import ModelName, read_name, with_scale
from yolo_fine.integration.versions import installed_version


@pytest.mark.parametrize(
    "name",
    ["yolov8x-fine.yaml", "yolo11-fine.yaml", "yolo26n.yaml", "yoloe-11s-seg.yaml", "yoloe-v8l.yaml", "yolov9c.yaml",
     "mine.yaml", "my-yolo11m-mine.yaml", "runs/2new/yolo11n-mine.yaml", "rtdetr-l.yaml", "yolo_fine.yaml",
     "yolo11-fine-n.yaml", "YOLO11n-fine.yaml", "yolo12s.yaml", "", "."],
)  # fmt: skip
def test_the_scale_is_the_one_that_ultralytics_takes(name):
    if "yoloe" in name and installed_version() < (8, 3, 100):
        pytest.skip("this Ultralytics does not know the family")
    parts = read_name(name)
    assert (parts.scale if parts else "") == guess_model_scale(name)


def test_the_parts_of_a_name():
    assert read_name("a/yoloe-11s-seg.yaml") == ModelName("", "yoloe-11", "s", "-seg.yaml")
    assert read_name("my-yolo11-fine.yaml") == ModelName("my-", "yolo11", "", "-fine.yaml")
    assert read_name("mine.yaml") is None


def test_another_scale():
    assert with_scale("yolov8x-fine.yaml", "") == "yolov8-fine.yaml"
    assert with_scale("yolo11-fine.yaml", "s") == "yolo11s-fine.yaml"
    assert with_scale("runs/2new/yoloe-11l.yaml", "m") == "runs/2new/yoloe-11m.yaml"
    assert with_scale("mine.yaml", "m") == "mine.yaml"
