# SPDX-License-Identifier: AGPL-3.0-or-later
"""Exports are proven, and what is wrong with a file is found."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from ultralytics import YOLO

from tests.fixtures.checkpoints import make_checkpoint
from yolo_fine.errors import ArgumentError
from yolo_fine.exporter import prove
from yolo_fine.exporter.onnx_file import read_proof
from yolo_fine.exporter.proof.trial import prepare_trial
from yolo_fine.exporter.prove import check_file, export_model
from yolo_fine.integration.versions import installed_version

pytestmark = pytest.mark.filterwarnings("ignore")
QUICK = {"imgsz": 64, "runs": 0, "simplify": False}


def left_over(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.suffix != ".yaml")


def test_static_file_is_equal(grid: Path):
    proof = export_model(str(grid), imgsz=64, runs=5, simplify=True)
    assert proof.verdict == "equal"
    assert proof.max_rel_err is not None
    assert 0 < proof.max_rel_err <= 1e-4
    assert proof.boxes_equal
    assert proof.boxes is not None
    assert proof.boxes.boxes > 10, "nothing would be compared"
    assert [case.shape for case in proof.cases] == [(1, 64, 64)]
    assert proof.latency is not None
    assert proof.latency_ratio == proof.latency.ratio > 0
    assert proof.opset
    assert proof.operators["Conv"] > 5
    assert left_over(grid.parent) == ["best.onnx", "best.pt"]
    assert proof.bytes == (grid.parent / "best.onnx").stat().st_size
    written = read_proof(grid.with_suffix(".onnx"))
    assert written is not None
    assert written["verdict"] == "equal"
    assert written["max_rel_err"] == proof.max_rel_err
    assert json.loads(json.dumps(proof.to_dict()))["verdict"] == "equal"
    assert proof.to_text().splitlines()[-1] == f"equal: {grid.with_suffix('.onnx')}"


def test_dynamic_file_is_equal_at_other_sizes_and_batches(grid: Path):
    proof = export_model(str(grid), dynamic=True, **QUICK)
    assert proof.verdict == "equal", proof.to_text()
    shapes = [case.shape for case in proof.cases]
    assert shapes[0] == (1, 64, 64)
    assert len({shape[1:] for shape in shapes}) == 3
    assert {shape[0] for shape in shapes} == {1, 2}
    assert any(height != width for _, height, width in shapes)
    assert any(min(height, width) > 64 for _, height, width in shapes)
    again = check_file(grid.with_suffix(".onnx"), str(grid), runs=0)
    assert again.verdict == "equal"
    assert [case.shape for case in again.cases] == shapes


@pytest.mark.parametrize("dynamic", [False, True])
def test_end_to_end_head(end2end: Path, dynamic: bool):
    proof = export_model(str(end2end), end2end=True, dynamic=dynamic, **QUICK)
    assert proof.verdict == "equal", proof.to_text()
    assert proof.boxes is not None
    assert proof.boxes.boxes > 10
    assert proof.groups["boxes"]["count"] > 0
    assert check_file(end2end.with_suffix(".onnx"), str(end2end), runs=0).verdict == "equal"


def test_embedded_nms(grid: Path):
    proof = export_model(str(grid), nms=True, dynamic=True, batch=2, **QUICK)
    assert proof.verdict == "equal", proof.to_text()
    assert {case.shape[0] for case in proof.cases} == {1, 2}
    assert proof.operators["NonMaxSuppression"]
    alone = export_model(str(grid), nms=True, dynamic=True, conf=0.4, **QUICK)
    assert alone.verdict == "equal", alone.to_text()
    assert {case.shape[0] for case in alone.cases} == {1}
    assert any("batch=N" in note for note in alone.notes)
    assert check_file(grid.with_suffix(".onnx"), str(grid), runs=0).verdict == "equal"  # conf comes from the file


@pytest.mark.parametrize("end2end", [False, True])
@pytest.mark.parametrize("task", ["segment", "pose", "obb"])
def test_other_tasks(tmp_path: Path, task: str, end2end: bool):
    pytest.importorskip("onnxruntime")
    if installed_version() < ((8, 4, 100) if end2end else (8, 3, 253)):
        pytest.skip("this Ultralytics can't")
    checkpoint = make_checkpoint(tmp_path / "best.pt", task=task, end2end=end2end)
    proof = export_model(str(checkpoint), end2end=end2end, **QUICK)
    assert proof.verdict == "equal", proof.to_text()
    groups = {"boxes", "scores", "others"} | ({"output1"} if task == "segment" else set())
    assert set(proof.groups) == groups
    assert all(group["count"] > 0 for group in proof.groups.values())
    assert proof.boxes is not None
    assert proof.boxes.boxes > 0


@pytest.mark.parametrize("dynamic", [False, True])
def test_torchscript(grid: Path, dynamic: bool):
    proof = export_model(str(grid), "torchscript", imgsz=64, runs=0, dynamic=dynamic)
    assert proof.verdict == "equal", proof.to_text()
    assert len(proof.cases) == (3 if dynamic else 1)
    assert check_file(grid.with_suffix(".torchscript"), str(grid), runs=0).verdict == "equal"


@pytest.mark.parametrize("dynamic", [False, True])
def test_openvino(grid: Path, dynamic: bool):
    pytest.importorskip("openvino")
    older = grid.with_name("best_openvino_model")
    older.mkdir()
    (older / "old.txt").write_text("old")
    proof = export_model(str(grid), "openvino", imgsz=64, runs=0, dynamic=dynamic)
    assert proof.verdict == "equal", proof.to_text()
    assert len(proof.cases) == (3 if dynamic else 1)
    assert left_over(grid.parent) == ["best.pt", "best_openvino_model"]
    assert not (older / "old.txt").exists()
    assert check_file(older, str(grid), runs=0).verdict == "equal"


def test_half_precision_is_close_at_best(end2end: Path):
    proof = export_model(str(end2end), half=True, end2end=True, **QUICK)
    assert proof.precision == "fp16"
    assert proof.verdict == "close", proof.to_text()
    assert proof.max_rel_err is not None
    assert proof.max_rel_err > 1e-4


def test_accuracy_of_both_sides(grid: Path, tiny_data: Path):
    proof = export_model(str(grid), data=str(tiny_data), **QUICK)
    assert proof.accuracy is not None
    assert proof.accuracy.images == 4
    assert proof.accuracy.torch["AP"] == pytest.approx(proof.accuracy.file["AP"], abs=1e-3)
    assert proof.accuracy.difference["AP"] == pytest.approx(0, abs=1e-3)


def change_weight(file: Path, factor: float) -> None:
    """Scale the largest initializer of an ONNX file."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(file))
    tensor = max(model.graph.initializer, key=lambda one: int(np.prod(one.dims)))
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))
    onnx.save(model, str(file))


def test_the_images_compared_are_those_of_the_data(tiny_data: Path, tmp_path: Path):
    """Ultralytics' samples, a street and a man, say nothing of a detector for images of another kind."""
    val = [cv2.imread(str(file)) for file in sorted((tiny_data.parent / "images" / "val").iterdir())]
    compared = prepare_trial(None, str(tiny_data), None, 0).images
    assert len(compared) == len(val) == 4
    assert all(np.array_equal(one, two) for one, two in zip(compared, val, strict=True))
    cv2.imwrite(str(tmp_path / "mine.png"), val[0])
    assert len(prepare_trial(tmp_path, str(tiny_data), None, 0).images) == 1  # named ones go first
    assert len(prepare_trial(None, None, None, 0).images) == 2


def test_wrong_weights_are_different(grid: Path):
    export_model(str(grid), **QUICK)
    file = grid.with_suffix(".onnx")
    change_weight(file, 1.0005)
    slightly = check_file(file, str(grid), runs=0)
    assert slightly.verdict == "close", slightly.to_text()
    change_weight(file, 1.2)
    proof = check_file(file, str(grid), runs=0)
    assert proof.verdict == "DIFFERENT"
    assert not proof.boxes_equal
    assert proof.boxes is not None
    assert proof.boxes.missing + proof.boxes.extra > 0
    assert proof.reasons


def test_wrong_end_to_end_file_is_different(end2end: Path):
    export_model(str(end2end), end2end=True, **QUICK)
    change_weight(end2end.with_suffix(".onnx"), 1.2)
    assert check_file(end2end.with_suffix(".onnx"), str(end2end), runs=0).verdict == "DIFFERENT"


@pytest.mark.skipif(installed_version() < (8, 4, 100), reason="always exports the end-to-end head")
def test_another_head_is_different(end2end: Path):
    export_model(str(end2end), end2end=True, **QUICK)
    proof = check_file(end2end.with_suffix(".onnx"), str(end2end), runs=0, end2end=False)
    assert proof.verdict == "DIFFERENT"
    assert "of shape" in proof.reasons[0]


def test_a_baked_size_in_a_dynamic_file_is_found(grid: Path):
    import onnx

    export_model(str(grid), **QUICK)
    file = grid.with_suffix(".onnx")
    model = onnx.load(str(file))
    for dimension, name in zip(model.graph.input[0].type.tensor_type.shape.dim, ("batch", "", "height", "width"),
                               strict=True):  # fmt: skip
        if name:
            dimension.dim_param = name
    onnx.save(model, str(file))
    proof = check_file(file, str(grid), runs=0)
    assert proof.verdict == "DIFFERENT"
    assert proof.cases[0].failure is None  # at its own size it is right
    assert all(case.failure for case in proof.cases[1:])
    assert "at batch 2" in proof.reasons[0]


def spoil(monkeypatch: pytest.MonkeyPatch) -> None:
    produce = prove.produce

    def spoilt(*arguments):
        made, told = produce(*arguments)
        change_weight(made, 1.5)
        return made, told

    monkeypatch.setattr(prove, "produce", spoilt)


def test_a_different_file_does_not_take_the_final_name(grid: Path, monkeypatch: pytest.MonkeyPatch):
    grid.with_suffix(".onnx").write_text("older")
    spoil(monkeypatch)
    proof = export_model(str(grid), **QUICK)
    assert proof.verdict == "DIFFERENT"
    assert grid.with_suffix(".onnx").read_text() == "older"
    assert left_over(grid.parent) == ["best.different.onnx", "best.onnx", "best.pt"]
    assert proof.file == str(grid.with_name("best.different.onnx"))
    assert read_proof(grid.with_name("best.different.onnx"))["verdict"] == "DIFFERENT"


def test_a_failed_export_leaves_nothing(grid: Path):
    grid.with_suffix(".onnx").write_text("older")
    with pytest.raises(ArgumentError, match="failed"):
        export_model(str(grid), opset=3, **QUICK)
    assert grid.with_suffix(".onnx").read_text() == "older"
    assert left_over(grid.parent) == ["best.onnx", "best.pt"]


def test_without_a_runtime_nothing_is_claimed(grid: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prove, "PROVEN", ("openvino",))
    proof = export_model(str(grid), **QUICK)
    assert proof.verdict == "not proven"
    assert "no runtime" in proof.reasons[0]
    assert proof.max_rel_err is None
    assert grid.with_suffix(".onnx").is_file()


def test_blocks_that_are_still_the_identity_are_told(grid: Path):
    assert not any("identity" in note for note in export_model(str(grid), **QUICK).notes)
    model = YOLO(grid)
    fine, ema = model.model.model[3], model.model.model[5]
    for block in (fine, ema):
        for name, parameter in block.named_parameters():
            if "gain" in name:
                parameter.data.zero_()
    model.save(grid)
    proof = export_model(str(grid), **QUICK)
    assert any("3 (FINE), 5 (EMA)" in note for note in proof.notes), proof.notes


def test_a_model_that_finds_nothing_is_told(grid: Path, tmp_path: Path):
    import cv2

    (tmp_path / "dark").mkdir()
    cv2.imwrite(str(tmp_path / "dark" / "0.png"), np.zeros((64, 64, 3), np.uint8))
    proof = export_model(str(grid), nms=True, conf=1.0, images=tmp_path / "dark", **QUICK)
    assert proof.verdict == "not proven"
    assert any("finds nothing" in note for note in proof.notes)
    assert "stands out" in proof.reasons[0]
