# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine export``: exit codes, the result file, and mistakes that end in one clear line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from yolo_fine.cli.command import run
from yolo_fine.errors import YoloFineError
from yolo_fine.exporter import prove
from yolo_fine.exporter.options import wanted_precision
from yolo_fine.exporter.produce import publish
from yolo_fine.integration.exporter import export_suffixes, in_words_of_release

pytestmark = pytest.mark.filterwarnings("ignore")
KEYS = {"verdict", "max_rel_err", "max_abs_err", "mean_rel_err", "mean_abs_err", "boxes_equal", "latency_ratio",
        "operators", "opset", "bytes"}  # fmt: skip


def test_export_and_check(grid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    result = tmp_path / "out" / "proof.json"
    assert run(["export", f"model={grid}", "imgsz=64", "runs=5", "simplify=False", f"json={result}"]) == 0
    written = json.loads(result.read_text())
    assert set(written) >= KEYS
    assert written["verdict"] == "equal"
    assert written["arguments"] == {"imgsz": 64, "simplify": False}
    assert capsys.readouterr().out.splitlines()[-1] == f"equal: {grid.with_suffix('.onnx')}"
    assert run(["export", f"model={grid}", f"check={grid.with_suffix('.onnx')}", "runs=0"]) == 0


def test_a_different_file_ends_with_1(grid: Path, monkeypatch: pytest.MonkeyPatch):
    from tests.exporter.test_prove import spoil

    spoil(monkeypatch)
    assert run(["export", f"model={grid}", "imgsz=64", "runs=0", "simplify=False"]) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "model must be given"),
        (("model=lost.pt",), "lost.pt does not exist"),
        (("model=yolo11n-fine.yaml",), "has no weights"),
        (("model=best.onnx",), "a checkpoint is exported"),
        (("model=best.pt", "format=onxx"), "did you mean onnx"),
        (("model=best.pt", "format=pt"), "is that already"),
        (("model=best.pt", "imgszz=64"), "did you mean imgsz"),
        (("model=best.pt", "epochs=3"), "is an argument of training"),
        (("model=best.pt", "imgsz=0"), "imgsz=0"),
        (("model=best.pt", "imgsz=[64,64,64]"), "imgsz"),
        (("model=best.pt", "dynamic=Ture"), "dynamic=Ture"),
        (("model=best.pt", "half=True", "int8=True"), "one of them"),
        (("model=best.pt", "end2end=True", "nms=True"), "one of them"),
        (("model=best.pt", "check=lost.onnx"), "lost.onnx does not exist"),
        (("model=best.pt", "check=best.pt"), "no export format"),
        (("model=best.pt", "check=some.onnx"), "can't be loaded as onnx"),
        (("model=best.pt", "check=some.mnn"), "no runtime for mnn"),
        (("model=best.pt", "check=some.onnx", "format=onnx"), "shows its format itself"),
        (("model=best.pt", "images=nowhere"), "images=nowhere does not exist"),
        (("model=best.pt", "images=empty"), "no images"),
        (("model=best.pt", "data=nowhere.yaml"), "data=nowhere.yaml"),
        (("model=best.pt", "threads=0"), "threads=0"),
        (("model=best.pt", "runs=-1"), "runs=-1"),
        (("model=best.pt", "json=empty"), "is a folder"),
        (("best.pt", "best.onnx"), "'best.onnx' is not understood"),
    ],
)
def test_mistakes(grid: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str):
    monkeypatch.chdir(grid.parent)
    Path("empty").mkdir()
    Path("some.onnx").write_bytes(b"no model")
    Path("some.mnn").write_bytes(b"no model")
    before = sorted(grid.parent.iterdir())
    with pytest.raises(YoloFineError) as caught:
        run(["export", *words])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert sorted(grid.parent.iterdir()) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(("words", "says"), [(("device=0",), "device=0"), (("format=engine",), "NVIDIA GPU")])
def test_a_gpu_that_is_not_here(grid: Path, words: tuple[str, ...], says: str):
    with pytest.raises(YoloFineError, match=says):
        run(["export", f"model={grid}", "imgsz=64", *words])


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxslim"])
def test_a_missing_package_is_named_with_its_command(grid: Path, monkeypatch: pytest.MonkeyPatch, package: str):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(YoloFineError, match=rf'{package} is not installed: pip install "yolo-fine\[export\]"'):
        run(["export", f"model={grid}", "imgsz=64"])


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root may write anywhere")
def test_an_unwritable_folder(grid: Path):
    grid.parent.chmod(0o500)
    try:
        with pytest.raises(YoloFineError, match="can't be written"):
            run(["export", f"model={grid}", "imgsz=64"])
    finally:
        grid.parent.chmod(0o700)


def test_a_folder_in_the_way(grid: Path):
    grid.with_suffix(".onnx").mkdir()
    (grid.with_suffix(".onnx") / "kept.txt").write_text("kept")
    assert (
        run(["export", f"model={grid}", "imgsz=64", "runs=0", "simplify=False"]) == 0
    )  # an older result, of whatever kind
    assert grid.with_suffix(".onnx").is_file()


def test_a_place_that_can_not_be_written(grid: Path, monkeypatch: pytest.MonkeyPatch):
    def not_allowed(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("yolo_fine.utils.parts.make_parents", not_allowed)
    with pytest.raises(YoloFineError, match=r"can't be written.*Permission denied"):
        prove.export_model(str(grid), imgsz=64)


def test_an_older_folder_comes_back_if_the_new_one_can_not_take_its_place(tmp_path: Path):
    final = tmp_path / "best_openvino_model"
    final.mkdir()
    (final / "old.txt").write_text("old")
    with pytest.raises(YoloFineError, match="best_openvino_model can't be written"):
        publish(tmp_path / "never_made", final)
    assert [file.name for file in tmp_path.iterdir()] == ["best_openvino_model"]
    assert (final / "old.txt").read_text() == "old"


def test_words_of_the_installed_release():
    from ultralytics.cfg import DEFAULT_CFG_DICT

    words = in_words_of_release({"half": True, "end2end": True, "opset": None})
    assert "opset" not in words
    assert in_words_of_release(words) == words
    assert wanted_precision(words) == "fp16"
    assert set(words) <= set(DEFAULT_CFG_DICT)
    assert in_words_of_release({"end2end": False}, has_end2end=False) == {}


def test_every_format_has_a_suffix():
    assert export_suffixes()["onnx"] == ".onnx"
    assert all(export_suffixes().values())
