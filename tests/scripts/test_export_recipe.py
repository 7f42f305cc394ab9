# SPDX-License-Identifier: AGPL-3.0-or-later
"""``scripts/export_onnx.py``: it exports and proves, and its own few lines find the boxes that Ultralytics finds."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from ultralytics import YOLO
from ultralytics.utils import ASSETS

from tests.commands import pythons, run
from tests.fixtures.checkpoints import make_checkpoint
from yolo_fine.cli.words import call
from yolo_fine.errors import YoloFineError
from yolo_fine.integration.versions import installed_version

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(installed_version() < (8, 3, 253), reason="older releases ask for the onnxscript exporter"),
]
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "export_onnx.py"
IMAGES = [Path(ASSETS) / "bus.jpg", Path(ASSETS) / "zidane.jpg"]


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("export_onnx", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime")
    return make_checkpoint(tmp_path_factory.mktemp("recipe") / "best.pt")


def script(folder: Path, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    start = ["-c", f"{before}; import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"]
    return run([sys.executable, *(start if before else [str(SCRIPT)]), *words], folder)


def check_boxes(recipe: ModuleType, file: Path, size: tuple[int, int], model: Path | None = None) -> int:
    """Compare the recipe's boxes with Ultralytics' on the same file, or on ``model``; returns how many there are."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    detector, count = YOLO(model or file, task="detect"), 0
    for image in IMAGES:
        result = detector.predict(str(image), imgsz=size, conf=0.25, iou=0.7, rect=False, verbose=False)[0]
        expected = result.boxes.data.cpu().numpy()
        got = recipe.detect(session, cv2.imread(str(image)))
        assert got.shape == expected.shape
        order = [np.lexsort(rows.round(1).T) for rows in (expected, got)]
        np.testing.assert_allclose(got[order[1], :4], expected[order[0], :4], atol=0.05)
        np.testing.assert_allclose(got[order[1], 4:], expected[order[0], 4:], atol=1e-4)
        count += len(got)
    return count


@pytest.mark.parametrize("nms", [None, True])
@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_boxes_are_those_of_ultralytics(
    recipe: ModuleType, checkpoint: Path, tmp_path: Path, size: tuple[int, int], nms: bool | None
):
    weights = Path(shutil.copy(checkpoint, tmp_path))
    assert recipe.export(weights=weights, imgsz=list(size), simplify=False, nms=nms)
    assert check_boxes(recipe, weights.with_suffix(".onnx"), size) > 5
    assert check_boxes(recipe, weights.with_suffix(".onnx"), size, model=weights) > 5


def test_boxes_of_an_end_to_end_head(recipe: ModuleType, tmp_path: Path):
    if installed_version() < (8, 4, 0):
        pytest.skip("this Ultralytics has no YOLO26")
    weights = make_checkpoint(tmp_path / "best.pt", end2end=True)
    assert recipe.export(weights=weights, imgsz=64, simplify=False, dynamic=True, nms=False)
    assert check_boxes(recipe, weights.with_suffix(".onnx"), (64, 64)) > 5


def test_the_command(checkpoint: Path, tmp_path: Path):
    weights = shutil.copy(checkpoint, tmp_path)
    done = script(tmp_path, f"weights={weights}", "imgsz=64", "json=onnx.json")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "onnx.json").read_text())
    assert written["verdict"] == "equal"
    assert Path(written["file"]) == Path(weights).with_suffix(".onnx")
    lines = done.stdout.splitlines()
    found = lines[lines.index("bus.jpg:") + 1 :]
    assert found
    assert all(line.split()[0] in ("red", "white") for line in found)


def test_a_file_that_differs_ends_with_1(recipe: ModuleType, checkpoint: Path, tmp_path: Path, monkeypatch):
    from tests.exporter.test_prove import spoil

    weights = Path(shutil.copy(checkpoint, tmp_path))
    spoil(monkeypatch)
    assert recipe.export(weights=weights, imgsz=64, simplify=False) is False
    assert not weights.with_suffix(".onnx").exists()


def test_the_part_to_paste_needs_little():
    """Its functions use NumPy, OpenCV and ``ast``; nothing of ours and nothing of Ultralytics."""
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name != "export"]
    assert [node.name for node in functions] == ["detect", "letterbox", "decode"]
    assert not any(isinstance(inner, (ast.Import, ast.ImportFrom)) for node in functions for inner in ast.walk(node))
    assert sum(node.end_lineno - node.lineno + 1 for node in functions) <= 60


def test_mistakes_end_in_one_line(tmp_path: Path):
    (tmp_path / "cut.pt").write_bytes(b"PK\3\4" + bytes(1000))
    asked = {"weights=cut.pt": "truncated", "weights=lost.pt": "lost.pt does not exist"}
    start = f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    codes = [f"import sys; sys.argv = ['export_onnx.py', {word!r}]\n{start}" for word in asked]
    for says, done in zip(asked.values(), pythons(codes, tmp_path), strict=True):
        assert done.returncode == 2
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
    done = script(tmp_path, before="import sys; sys.modules['onnxruntime'] = None")
    assert done.returncode == 2
    assert 'pip install "yolo-fine[export]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("imgsz=0",), ("imgsz=[]",), ("nms=maybe",), ("opsett=3",)])
def test_refuses(recipe: ModuleType, words: tuple[str, ...]):
    with pytest.raises(YoloFineError, match=words[0].split("=")[0]):
        call(recipe.export, words)
