# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packaged YAMLs by bare name, a user's files first, scale letters, folders with digits and letters."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from yolo_fine.errors import MissingFileError
from yolo_fine.integration.model_files import nearest_model, packaged_files

tasks = pytest.importorskip("ultralytics.nn.tasks")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder whose path Ultralytics used to mangle (``run2new`` -> ``run2ew``)."""
    place = tmp_path / "run2new" / "v11small"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    return place


def own_yaml(file, mark):
    model = {
        "nc": 1,
        "mark": mark,
        "scales": {"n": [0.5, 0.25, 1024], "s": [0.5, 0.5, 1024]},
        "backbone": [],
        "head": [],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(model))


def load(name):
    return tasks.yaml_model_load(name)


@pytest.mark.parametrize("name", packaged_files("models"))
@pytest.mark.parametrize("scale", "nsmlx")
def test_bare_names_from_any_folder(folder, name, scale):
    family, variant = name.split("-", 1)
    model = load(f"{family}{scale}-{variant}")
    assert model["scale"] == scale
    assert model["yaml_file"] == f"{family}{scale}-{variant}"
    assert model["backbone"]


def test_a_users_file_in_the_working_folder_wins(folder):
    own_yaml(folder / "yolo11n-fine.yaml", "literal")
    assert load("yolo11n-fine.yaml")["mark"] == "literal"
    assert "mark" not in load("yolo11s-fine.yaml")
    own_yaml(folder / "yolo11-fine.yaml", "without scale letter")
    assert load("yolo11s-fine.yaml")["mark"] == "without scale letter"
    assert load("yolo11s-fine.yaml")["scale"] == "s"


@pytest.mark.parametrize("form", ["relative", "absolute"])
def test_folders_with_digits_and_letters(folder, form):
    own_yaml(folder / "run3small" / "yolo11-mine.yaml", "mine")
    place = "run3small" if form == "relative" else str(folder / "run3small")
    assert load(f"{place}/yolo11s-mine.yaml")["mark"] == "mine"
    assert load(f"{place}/yolo11s-mine.yaml")["scale"] == "s"
    assert load(f"{place}/yolo11-mine.yaml")["mark"] == "mine"


def test_stock_names_are_stock(folder):
    assert load("yolo11n.yaml")["scale"] == "n"
    assert [row[2] for row in load("yolov8s-p2.yaml")["head"]][-1] == "Detect"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("yolo11n-fien.yaml", "yolo11n-fine.yaml"), ("yolov8s-emma.yaml", "yolov8s-ema.yaml")],
)
def test_a_missing_file_is_answered_with_the_nearest(folder, typed, meant):
    with pytest.raises(MissingFileError, match=f"'{typed}' does not exist; did you mean {meant}"):
        load(typed)
    with pytest.raises(FileNotFoundError):
        load("nowhere/at-all.yaml")


def test_a_missing_dataset_is_answered_with_the_nearest(folder):
    from ultralytics.data.utils import check_file

    for typed, meant in (("VisDron.yaml", "VisDrone.yaml"), ("smalobjects.yaml", "smallobjects.yaml")):
        with pytest.raises(MissingFileError, match=rf"'{typed}' does not exist; did you mean {meant}\?"):
            check_file(typed)
    with pytest.raises(FileNotFoundError):
        check_file("nothing-like-it.yaml")


def test_datasets_by_bare_name(folder):
    from ultralytics.data.utils import check_file

    assert len(yaml.safe_load(Path(check_file("smallobjects.yaml")).read_text())["names"]) == 6
    (folder / "smallobjects.yaml").write_text("names: {0: mine}\n")
    assert yaml.safe_load(Path(check_file("smallobjects.yaml")).read_text())["names"] == {0: "mine"}


def test_a_name_that_is_like_none_is_answered_with_none():
    assert nearest_model("fork.yaml") == ""
    assert nearest_model("yolo11n-fien.yaml") == "; did you mean yolo11n-fine.yaml?"
