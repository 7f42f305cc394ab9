# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo: one tiny run from images to ONNX, its lines and files, and what it refuses."""

import importlib.util
import json
from pathlib import Path

import cv2
import pytest

from yolo_fine.cli import main
from yolo_fine.cli.demo.demo import LOG_FILE, RESULT_FILE, STAGES, run_demo
from yolo_fine.cli.demo.result import DemoResult
from yolo_fine.errors import ArgumentError

TINY = {
    "model": "yolo11n.yaml", "train": 8, "val": 2, "size": 64, "imgsz": 64, "epochs": 1, "batch": 4, "slice": 64
}  # fmt: skip
WORDS = [f"{key}={value}" for key, value in TINY.items()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run by the command: its folder, what it printed, and its result."""
    import contextlib
    import io

    out, said, aside = tmp_path_factory.mktemp("demo") / "run", io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(aside):
        assert main(["demo", f"out={out}", *WORDS]) == 0
    return out, said.getvalue().splitlines(), aside.getvalue(), json.loads((out / RESULT_FILE).read_text())


def test_a_line_a_stage_and_four_at_the_end(finished):
    out, lines, aside, result = finished
    assert len(lines) == 1 + STAGES + 4
    assert str(out / LOG_FILE) in lines[0]
    for number, line in enumerate(lines[1:-4], 1):
        assert line.startswith(f"[{number}/{STAGES}] ")
        assert line.endswith(" s)")
    assert result["report"] in lines[-4]
    assert [line.split()[:2] for line in lines[-3:]] == [["yolo-fine", verb] for verb in ("start", "train", "eval")]
    assert aside == ""
    assert "optimizer" in (out / LOG_FILE).read_text()


def test_everything_is_there(finished):
    out, _, _, result = finished
    DemoResult(**result)
    assert (out / "best.pt").stat().st_size > 500_000
    assert "<html" in Path(result["report"]).read_text()[:200]
    assert cv2.imread(result["picture"]).shape[1] == 1024
    assert 0 <= result["map50_95"] <= result["map50"] <= 1
    assert set(result["ap50"]) == {"person", "vehicle"}
    assert set(result["seconds"]) == {"draw", "train", "evaluate", "slice", "export", "look"}
    text = (out / "yolo11n-demo.yaml").read_text()
    assert "box_prior: 2" in text
    assert "n: [0.50, 0.125, 1024]" in text


@pytest.mark.skipif(importlib.util.find_spec("sahi") is None, reason="the sliced extra is not installed")
def test_slices_are_compared_with_whole_images(finished):
    out, lines, _, result = finished
    assert set(result["sliced"]) == set(result["whole"]) == {"AP", "AP50", "AP_small"}
    compared = json.loads((out / "eval-sliced" / "eval.json").read_text())["comparison"]
    assert compared["with"] == str(out / "eval" / "eval.json")
    assert "on whole images" in lines[4]


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="the export extra is not installed")
def test_onnx_is_written_and_proven(finished):
    assert Path(finished[3]["onnx"]).samefile(finished[0] / "best.onnx")
    assert finished[3]["onnx_verdict"] == "equal"


def test_the_second_run_reuses_the_images_and_goes_on_without_packages(finished, monkeypatch, capsys):
    out = finished[0]
    image = next((out / "data").rglob("train_00000.jpg"))
    drawn = image.stat().st_mtime_ns
    find = importlib.util.find_spec
    gone = ("onnx", "onnxruntime", "sahi")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in gone else find(name, *rest))
    result = run_demo(out=out, **TINY)
    assert image.stat().st_mtime_ns == drawn
    assert result.onnx is None
    assert not (out / "best.onnx").exists()
    assert result.sliced is None
    said = capsys.readouterr().out
    assert 'pip install "yolo-fine[sliced]"' in said
    assert "pip install onnx onnxruntime" in said


def test_an_interrupted_run_leaves_the_earlier_one(finished, monkeypatch):
    out = finished[0]
    before = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name not in ("data", LOG_FILE)}

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("yolo_fine.cli.demo.training.train", stop)
    with pytest.raises(KeyboardInterrupt):
        run_demo(out=out, **TINY)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir() if path.name not in ("data", LOG_FILE)} == before
    assert json.loads((out / RESULT_FILE).read_text())["settings"]["train"] == 8
    assert [path.name for path in out.parent.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be 1 or more"),
        ({"imgsz": 100}, "multiple of 32"),
        ({"width": 2.0}, "width must be 0.25 to 1"),
        ({"slice": 8}, "slice must be 32 or more"),
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
