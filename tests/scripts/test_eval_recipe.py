# SPDX-License-Identifier: AGPL-3.0-or-later
"""``scripts/eval_visdrone.py``, run as a user runs it, says what ``yolo-fine eval`` says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.commands import run
from tests.fixtures.visdrone_dataset import Dataset
from yolo_fine.evaluation.run import evaluate
from yolo_fine.formats.visdrone_files import read_annotations, read_detections

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "eval_visdrone.py"


def test_the_recipe_gives_the_metrics_of_the_command(dataset: Dataset, checkpoint: str, tmp_path: Path) -> None:
    split = tmp_path / "split"
    split.mkdir()
    for kind in ("images", "annotations"):
        (split / kind).symlink_to(dataset.root / kind / "val")
    words = [f"weights={checkpoint}", f"folder={split}", "imgsz=64", "slice=64", "device=cpu"]
    done = run([sys.executable, str(SCRIPT), *words, "json=r.json", "out=found"], tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "r.json").read_text())
    result = evaluate(model=checkpoint, data=dataset.yaml, imgsz=64, slice=64, whole=True, device="cpu", resamples=0)
    assert result.whole is not None
    for ours, theirs in ((result, metrics), (result.whole, metrics["whole"])):
        assert ours.coco == pytest.approx(theirs["coco"])
        assert ours.visdrone is not None
        assert ours.visdrone["AP"] == pytest.approx(theirs["visdrone"]["AP"])
    truth = read_annotations(split / "annotations", images=split / "images")
    assert len(read_detections(tmp_path / "found" / "visdrone", truth)) > 0


def test_the_recipe_names_what_is_missing(tmp_path: Path) -> None:
    done = run([sys.executable, str(SCRIPT), "weights=best.pt", "folder=nowhere"], tmp_path)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
