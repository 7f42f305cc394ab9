# SPDX-License-Identifier: AGPL-3.0-or-later
"""Models whose head leaves out the backbone's coarsest map: image sides are multiples of that map's stride."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ultralytics import YOLO

import yolo_fine
from tests.fixtures.checkpoints import save
from yolo_fine.errors import ArgumentError, ModelYamlError
from yolo_fine.integration.max_stride import KEY, read_max_stride
from yolo_fine.integration.versions import installed_version
from yolo_fine.integration.yaml_text import read_model

IMAGE = np.zeros((80, 96, 3), np.uint8)  # 80 is a multiple of 16 and not of 32

exports_here = pytest.mark.skipif(
    installed_version() < (8, 3, 253), reason="older releases ask for the onnxscript exporter"
)


@pytest.fixture
def without_p6(tmp_path: Path) -> str:
    file = tmp_path / "yolov8n-p345.yaml"
    yolo_fine.compose("yolov8-p6", head="p3,p4,p5", out=file)
    return str(file)


def small(tmp_path: Path, **keys: Any) -> Path:
    """The packaged model as a YAML of its own, with these keys; None removes one."""
    rows = {**yaml.safe_load(read_model("yolo11n-small.yaml")[0]), **keys}
    file = tmp_path / "yolo11n-mine.yaml"
    file.write_text(yaml.safe_dump({key: value for key, value in rows.items() if value is not None}))
    return file


def test_compose_says_the_stride_of_the_coarsest_map_where_the_head_leaves_it_out(without_p6: str) -> None:
    assert read_model(without_p6)[1][KEY] == 64
    assert read_model("yolo11n-small.yaml")[1][KEY] == 32
    assert YOLO(without_p6).model.stride.tolist() == [8, 16, 32, 64]


def test_and_nowhere_else(tmp_path: Path) -> None:
    for head in ("p2", "p2,p3,p4,p5", "p3,p4,p5,p6"):
        file = tmp_path / f"yolo11n-{head.replace(',', '')}.yaml"
        yolo_fine.compose("yolo11", head=head, out=file)
        assert KEY not in read_model(str(file))[1]


def test_images_are_padded_to_it_also_in_test_time_augmentation(without_p6: str) -> None:
    for name in (without_p6, "yolo11n-small.yaml"):
        for augment in (False, True):
            (result,) = YOLO(name).predict(IMAGE, imgsz=96, augment=augment, verbose=False)
            assert result.orig_shape == (80, 96)


def test_a_checkpoint_keeps_it_and_the_head_its_own(tmp_path: Path) -> None:
    save(YOLO("yolo11n-small.yaml"), tmp_path / "best.pt")
    again = YOLO(tmp_path / "best.pt").model
    assert again.stride.tolist() == [4, 8, 16, 32]
    assert again.model[-1].stride.tolist() == [4, 8, 16]


@pytest.mark.parametrize("name", ["yolo11n.yaml", "yolo11n-fine.yaml", "yolov8n-p2.yaml"])
def test_other_models_have_the_strides_of_their_head(name: str) -> None:
    network = YOLO(name).model
    assert network.stride is network.model[-1].stride


@exports_here
def test_a_dynamic_file_takes_such_images_in_the_stock_command(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    save(YOLO("yolo11n-small.yaml"), tmp_path / "best.pt")
    proof = yolo_fine.export(tmp_path / "best.pt", dynamic=True, imgsz=96, simplify=False, runs=0)
    assert proof.verdict == "equal", proof.to_text()
    said = {entry.key: entry.value for entry in onnx.load(proof.file).metadata_props}
    assert json.loads(said["stride"]) == 32
    (result,) = YOLO(proof.file, task="detect").predict(IMAGE, imgsz=96, verbose=False)
    assert result.orig_shape == (80, 96)


@exports_here
def test_a_yaml_that_does_not_say_it_ends_in_one_message(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    save(YOLO(small(tmp_path, max_stride=None)), tmp_path / "best.pt")
    with pytest.raises(ArgumentError, match=r"can't take images of .* max_stride: 32"):
        yolo_fine.export(tmp_path / "best.pt", dynamic=True, imgsz=320, simplify=False, runs=0)
    assert not list(tmp_path.glob("*.onnx"))


def test_lint_names_the_line_that_is_missing(without_p6: str, tmp_path: Path) -> None:
    (note,) = yolo_fine.lint(small(tmp_path, max_stride=None)).notes
    assert "layer 23 (head[12])" in note
    assert "without 'max_stride: 32' above the rows" in note
    (note,) = yolo_fine.lint(small(tmp_path, max_stride=16)).notes
    assert "max_stride: 32" in note
    for whole in (small(tmp_path), without_p6, "yolo11n-small.yaml", "yolov8n-p6.yaml"):
        assert yolo_fine.lint(whole).notes == []


@pytest.mark.parametrize("value", [0, 24, -32, 256, 32.0, "32", True])
def test_what_is_no_stride_is_one_message(value: object, tmp_path: Path) -> None:
    with pytest.raises(ModelYamlError, match="max_stride must be a power of two up to 128"):
        read_max_stride({KEY: value}, "my.yaml")
    with pytest.raises(ModelYamlError, match="max_stride"):
        YOLO(small(tmp_path, max_stride=value))
    assert any("max_stride" in str(problem) for problem in yolo_fine.lint(small(tmp_path, max_stride=value)).problems)
