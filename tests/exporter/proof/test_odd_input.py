# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files and arguments that are odd: read as far as they can be, refused in one line if not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

from tests.fixtures.checkpoints import NAMES
from yolo_fine.cli.command import run
from yolo_fine.errors import YoloFineError
from yolo_fine.exporter import prove
from yolo_fine.exporter.formats import cuda_number
from yolo_fine.exporter.options import with_size
from yolo_fine.exporter.prove import check_file, export_model
from yolo_fine.exporter.runtimes import Runtime, open_runtime
from yolo_fine.exporter.settings import other_names, settings_of

pytestmark = pytest.mark.filterwarnings("ignore")
QUICK = {"imgsz": 64, "runs": 0, "simplify": False}


@pytest.fixture(scope="module")
def exported(_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file beside its checkpoint, not to be written to."""
    pytest.importorskip("onnxruntime")
    checkpoint = Path(shutil.copy(_made / "grid.pt", tmp_path_factory.mktemp("exported") / "best.pt"))
    return Path(export_model(str(checkpoint), **QUICK).file)


def with_metadata(file: Path, folder: Path, **values: str) -> Path:
    """A copy whose metadata say something else."""
    import onnx

    model = onnx.load(str(file))
    for entry in model.metadata_props:
        entry.value = values.get(entry.key, entry.value)
    onnx.save(model, str(folder / "odd.onnx"))
    return folder / "odd.onnx"


@pytest.mark.parametrize("values", [{"imgsz": "64"}, {"imgsz": "large"}, {"batch": "many"}, {"args": "none"}])
def test_metadata_that_say_nonsense(exported: Path, tmp_path: Path, values: dict[str, str]):
    odd = with_metadata(exported, tmp_path, **values)
    proof = check_file(odd, str(exported.with_suffix(".pt")), runs=0)
    assert proof.verdict == "equal"
    assert proof.imgsz == (64, 64)


def test_other_class_names_are_different(exported: Path, tmp_path: Path):
    odd = with_metadata(exported, tmp_path, names="{0: 'red', 1: 'rosé'}")
    proof = check_file(odd, str(exported.with_suffix(".pt")), runs=0)
    assert proof.verdict == "DIFFERENT"
    assert proof.reasons[0] == "class 1 is 'rosé' in the file and 'white' in the model"
    assert proof.boxes_equal


@pytest.mark.parametrize("names", [NAMES, {"0": "red", "1": "white"}, ["red", "white"], None, "red"])
def test_class_names_as_every_format_writes_them(names: object):
    assert other_names(Runtime("", lambda _: [], {"names": names}), NAMES) is None


@pytest.mark.parametrize("names", [{0: "red"}, {0: "red", 1: "white", 2: "blue"}, ["white", "red"]])
def test_class_names_that_differ(names: object):
    assert "in the file and" in str(other_names(Runtime("", lambda _: [], {"names": names}), NAMES))


def test_a_file_without_metadata_is_asked_for_its_shape():
    settings = settings_of(Runtime("", lambda _: [], {}, shape=(4, 3, 32, 64)))
    assert (settings["imgsz"], settings["batch"], settings["dynamic"]) == ([32, 64], 4, False)
    assert "imgsz" not in settings_of(Runtime("", lambda _: [], {}, shape=(5,)))


def test_a_size_as_yolo_export_takes_it(grid: Path):
    assert with_size({"imgsz": "(96, 64)"}) == {"imgsz": [96, 64]}
    assert with_size({"imgsz": "big"}) == {"imgsz": "big"}
    result = grid.with_name("proof.json")
    assert run(["export", f"model={grid}", "imgsz=96,64", "runs=0", "simplify=False", f"json={result}"]) == 0
    assert json.loads(result.read_text())["cases"][0]["shape"] == [1, 96, 64]


@pytest.mark.parametrize("word", ["imgsz=64,64,64", "batch=0", "batch=-1", "batch=two", "opset=new"])
def test_numbers_that_can_not_be(grid: Path, word: str):
    with pytest.raises(YoloFineError, match=word.partition("=")[0]) as caught:
        run(["export", f"model={grid}", "runs=0", word])
    assert "failed" not in str(caught.value)


def test_data_that_does_not_go_with_the_model_is_told_before_the_export(
    grid: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
):
    model = YOLO(grid)
    model.model.names = {0: "cat", 1: "dog"}
    model.save(grid)
    monkeypatch.setattr(prove, "produce", lambda *_: pytest.fail("the export began"))
    with pytest.raises(YoloFineError, match="class lists don't match"):
        export_model(str(grid), data=str(tiny_data), **QUICK)


def test_a_proof_that_can_not_be_written_is_told_before_the_export(grid: Path, monkeypatch: pytest.MonkeyPatch):
    (grid.parent / "file").write_text("")
    monkeypatch.setattr(prove, "produce", lambda *_: pytest.fail("the export began"))
    with pytest.raises(YoloFineError, match=r"proof.json can't be written: .*file is a file, not a folder"):
        run(["export", f"model={grid}", "imgsz=64", "runs=0", f"json={grid.parent / 'file' / 'proof.json'}"])


def test_a_model_for_other_images_than_rgb(tmp_path: Path, grid: Path):
    model = YOLO(grid)
    yaml = {**model.model.yaml, "channels": 1}
    model.model = DetectionModel(yaml, ch=1, verbose=False)
    model.save(tmp_path / "grey.pt")
    with pytest.raises(YoloFineError, match="images of 1 channels"):
        export_model(str(tmp_path / "grey.pt"), **QUICK)
    assert not (tmp_path / "grey.onnx").exists()


@pytest.mark.parametrize(
    ("device", "number"),
    [(0, 0), ("0", 0), ("cuda", 0), ("cuda:1", 1), (None, None), ("cpu", None), ("mps", None), ("0,1", None)],
)
def test_cuda_devices(device: object, number: int | None):
    assert cuda_number(device) == number


def test_torchscript_on_another_accelerator_is_run_on_the_cpu(tmp_path: Path):
    torch.jit.script(torch.nn.Identity()).save(str(tmp_path / "same.torchscript"))
    runtime = open_runtime(tmp_path / "same.torchscript", "torchscript", threads=1, device="mps")
    assert "(CPU)" in runtime.name


def test_the_graph_of_an_openvino_model_stands_for_its_folder(grid: Path, monkeypatch: pytest.MonkeyPatch):
    folder = grid.with_name("best_openvino_model")
    folder.mkdir()
    (folder / "best.xml").write_text("")
    monkeypatch.setattr(prove, "open_runtime", lambda file, format, **_: pytest.fail(f"{format} {file.name}"))
    with pytest.raises(pytest.fail.Exception, match="openvino best_openvino_model"):
        check_file(folder / "best.xml", str(grid))


def test_a_file_that_kept_its_precision_is_judged_by_it(grid: Path, monkeypatch: pytest.MonkeyPatch):
    made = prove.produce
    monkeypatch.setattr(
        prove, "produce", lambda copy, format, options, dfl: made(copy, format, {**options, "half": False}, dfl)
    )
    proof = export_model(str(grid), half=True, **QUICK)  # some releases only warn where they can't
    assert (proof.verdict, proof.precision) == ("equal", "fp32")
    assert "fp16 was asked for, and the file is fp32" in proof.notes


def test_what_onnxruntime_says_of_a_wrong_size_is_said_whole(exported: Path):
    proof = check_file(exported, str(exported.with_suffix(".pt")), imgsz=96, runs=0)
    assert proof.verdict == "DIFFERENT"
    assert "Got: 96 Expected: 64" in proof.reasons[0]
