# SPDX-License-Identifier: AGPL-3.0-or-later
"""The packaged dataset YAML draws its own images when Ultralytics finds none."""

from pathlib import Path

import pytest
import yaml

from benchmarks.preview_smallobjects import LARGEST_FILE, main
from yolo_fine.smallobjects.objects import NAMES

PACKAGED = Path(__file__).parents[2] / "cfg/datasets/smallobjects.yaml"


def test_names_are_the_classes():
    assert yaml.safe_load(PACKAGED.read_text())["names"] == dict(enumerate(NAMES))


def test_ultralytics_draws_what_is_missing(tmp_path, monkeypatch):
    checking = pytest.importorskip("ultralytics.data.utils")
    monkeypatch.setattr(checking, "DATASETS_DIR", tmp_path)
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "few.yaml"
    few = PACKAGED.read_text().replace("train=200, val=50", "train=2, val=1, size=64")
    assert "size=64" in few
    copy.write_text(few)
    data = checking.check_det_dataset(str(copy))
    assert data["nc"] == len(NAMES)
    assert len(list(Path(data["train"]).glob("*.jpg"))) == 2
    assert (tmp_path / "smallobjects/annotations/val/val_00000.txt").is_file()


def test_preview(tmp_path):
    assert main(["0", str(tmp_path / "preview.jpg")]) == 0
    assert 10_000 < (tmp_path / "preview.jpg").stat().st_size <= LARGEST_FILE
    assert main(["first", "preview.png"]) == 2
