# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo: one tiny run from images to ONNX, its files, and what it refuses."""

import importlib.util
import json
from pathlib import Path

import pytest

from yolo_fine.cli.demo import RESULT_FILE, run_demo
from yolo_fine.errors import ArgumentError

TINY = {"model": "yolo11n.yaml", "train": 8, "val": 2, "imgsz": 64, "epochs": 1, "batch": 4}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "run"
    return out, run_demo(out=out, **TINY)


def test_everything_is_there(finished):
    out, result = finished
    assert json.loads((out / RESULT_FILE).read_text()) == json.loads(json.dumps(vars(result)))
    assert (out / "best.pt").stat().st_size > 1_000_000
    assert (out / "prediction.jpg").is_file()
    assert 0 <= result.map50_95 <= result.map50 <= 1
    assert len(result.ap50) == 6
    assert set(result.seconds) == {"draw", "train", "export", "look"}


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="the export extra is not installed")
def test_onnx_is_written_and_proven(finished):
    assert (finished[0] / "best.onnx").is_file()
    assert Path(finished[1].onnx).samefile(finished[0] / "best.onnx")
    assert finished[1].onnx_verdict == "equal"


def test_second_run_reuses_the_images_and_goes_on_without_export(finished, monkeypatch, capsys):
    out, _ = finished
    image = next((out / "data").rglob("train_00000.jpg"))
    drawn = image.stat().st_mtime_ns
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if "onnx" in name else find(name, *rest))
    result = run_demo(out=out, **TINY)
    assert image.stat().st_mtime_ns == drawn
    assert result.onnx is None
    assert result.onnx_verdict is None
    assert 'pip install "yolo-fine[export]"' in capsys.readouterr().out


def test_an_interrupted_run_leaves_the_earlier_one(finished, monkeypatch):
    out, _ = finished
    before = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != "data"}

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("yolo_fine.cli.demo._train", stop)
    with pytest.raises(KeyboardInterrupt):
        run_demo(out=out, **TINY)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name != "data"} == before
    assert json.loads((out / RESULT_FILE).read_text())["settings"]["train"] == 8
    assert [path.name for path in out.parent.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"imgsz": 100}, "multiple of 32"),
        ({"model": "best.pt"}, "must be a model YAML"),
        ({"scale": 99.0}, "scale must be a number"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        run_demo(out=tmp_path / "run", **{**TINY, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_foreign_folder_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ArgumentError, match="holds other files"):
        run_demo(out=tmp_path, **TINY)
    file = tmp_path / "thesis.txt"
    with pytest.raises(ArgumentError, match="is a file"):
        run_demo(out=file, **TINY)
