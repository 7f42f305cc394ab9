# SPDX-License-Identifier: AGPL-3.0-or-later
"""``export()``: what it takes, what it returns, and what becomes of an earlier file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ultralytics import YOLO

from yolo_fine.errors import ArgumentError
from yolo_fine.exporter import prove
from yolo_fine.exporter.export import export
from yolo_fine.exporter.produce import publish
from yolo_fine.utils.parts import OLD, PART, hidden_name

pytestmark = pytest.mark.filterwarnings("ignore")
QUICK = {"imgsz": 64, "runs": 0, "simplify": False}


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.suffix != ".yaml")


def test_a_path_gives_a_proof_and_no_output(grid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof = export(grid, json=tmp_path / "proof.json", **QUICK)
    assert proof.verdict == "equal"
    assert capsys.readouterr().out == ""
    assert repr(proof).startswith(f"equal: {grid.with_suffix('.onnx')} (largest relative error")
    assert len(repr(proof).splitlines()) < 10
    assert "<td>1, 64, 64</td>" in proof._repr_html_()
    assert json.loads((tmp_path / "proof.json").read_text())["verdict"] == "equal"
    assert not any("replaces" in note for note in proof.notes)
    checked = export(str(grid), check=grid.with_suffix(".onnx"), runs=0)
    assert checked.verdict == "equal"


def test_a_yolo_is_exported_as_it_is_now(grid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = YOLO(grid)
    model.model.model[-1].cv3[0][-1].bias.data += 1
    assert export(model, **QUICK).verdict == "equal"
    assert export(model, check=grid.with_suffix(".onnx"), runs=0).verdict == "equal"
    assert export(grid, check=grid.with_suffix(".onnx"), runs=0).verdict == "DIFFERENT"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"imgszz": 64}, "did you mean imgsz"),
        ({"check": "best.onnx", "format": "onnx"}, "shows its format itself"),
        ({"imgsz": 7}, "imgsz=7"),
        ({"json": "."}, "is a folder"),
    ],
)
def test_mistakes(grid: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict, said: str) -> None:
    monkeypatch.chdir(grid.parent)
    (grid.parent / "best.onnx").write_bytes(b"")
    with pytest.raises(ArgumentError, match=said):
        export("best.pt", **arguments)
    with pytest.raises(ArgumentError, match="argument 'model' must be str or path or YOLO, got 3"):
        export(3)


def test_an_earlier_file_is_replaced_by_a_proven_one_and_that_is_said(grid: Path) -> None:
    earlier = grid.with_suffix(".onnx")
    earlier.write_text("earlier")
    proof = export(grid, **QUICK)
    assert proof.verdict == "equal"
    assert "it replaces the best.onnx that was there before" in proof.notes
    assert earlier.read_bytes() != b"earlier"
    assert names(grid.parent) == ["best.onnx", "best.pt"]


def test_an_earlier_file_is_not_replaced_by_an_unproven_one(grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "PROVEN", ("openvino",))
    grid.with_suffix(".onnx").write_text("earlier")
    proof = export(grid, **QUICK)
    assert proof.verdict == "not proven"
    assert any("is kept, because this file is not proven" in note for note in proof.notes)
    assert grid.with_suffix(".onnx").read_text() == "earlier"
    assert proof.file == str(grid.with_name("best.unproven.onnx"))
    assert names(grid.parent) == ["best.onnx", "best.pt", "best.unproven.onnx"]


def test_int8_without_data_names_it(grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ultralytics would download a set to calibrate on, which fails offline, in words of its own."""
    monkeypatch.chdir(grid.parent)
    with pytest.raises(ArgumentError, match="int8 is calibrated on images: name them by data="):
        export("best.pt", int8=True, **QUICK)
    assert names(grid.parent) == ["best.pt"]


def test_a_package_that_is_not_there_is_named(grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'coremltools'", name="coremltools")

    monkeypatch.setattr(YOLO, "export", not_installed)
    with pytest.raises(ArgumentError, match="the export to coreml failed: the package 'coremltools' is not installed"):
        export(grid, "coreml", **QUICK)


def test_what_a_killed_export_left_is_removed(grid: Path) -> None:
    left = hidden_name(grid.with_name("yolo_fine_export"), PART)
    left.mkdir()
    (left / "best.onnx").write_text("half")
    with pytest.raises(ArgumentError, match="failed"):
        export(grid, opset=3, **QUICK)
    assert names(grid.parent) == ["best.pt"]


def test_a_folder_is_exchanged_so_that_a_kill_loses_nothing(tmp_path: Path) -> None:
    final, made = tmp_path / "best_openvino_model", tmp_path / "made"
    made.mkdir()
    (made / "best.xml").write_text("new")
    killed = hidden_name(final, OLD)  # between the two steps of an exchange
    killed.mkdir()
    (killed / "old.xml").write_text("earlier")
    publish(made, final)
    assert names(tmp_path) == ["best_openvino_model"]
    assert names(final) == ["best.xml"]
