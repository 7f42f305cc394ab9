# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plans: the order of runs, and folders that hold another ablation."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.ablation.grids import BASE, EMA, FINE, plan
from yolo_fine.ablation.arms import again
from yolo_fine.ablation.grid import read_seeds
from yolo_fine.ablation.plan import keep_plan
from yolo_fine.errors import ArgumentError


def test_all_models_of_a_seed_come_before_the_next_seed() -> None:
    runs = plan((BASE, FINE, again(BASE)), seeds=(0, 1)).runs
    assert [run.name for run in runs] == [
        "yolo11n-seed0", "yolo11n-fine-seed0", "yolo11n.yaml-again-seed1000",
        "yolo11n-seed1", "yolo11n-fine-seed1", "yolo11n.yaml-again-seed1001",
    ]  # fmt: skip
    assert [run.pair for run in runs] == [0, 0, 0, 1, 1, 1]


def test_the_same_plan_may_come_again_and_with_more_seeds(tmp_path: Path) -> None:
    keep_plan(plan(seeds=(0, 1)), tmp_path)
    keep_plan(plan(seeds=(0, 1)), tmp_path)
    keep_plan(plan(seeds=(0, 1, 2)), tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text())["seeds"] == [0, 1, 2]


def test_another_plan_is_refused_with_the_difference(tmp_path: Path) -> None:
    keep_plan(plan(), tmp_path)
    before = (tmp_path / "plan.json").read_bytes()
    other = plan((BASE, EMA), data="other.yaml", training={"epochs": 2, "imgsz": 64, "freeze": 10})
    with pytest.raises(ArgumentError) as caught:
        keep_plan(other, tmp_path)
    for words in (
        str(tmp_path),
        "models were yolo11n.yaml, yolo11n-fine.yaml, are yolo11n.yaml, yolo11n-ema.yaml",
        "data was 'data.yaml', is 'other.yaml'",
        "epochs was 1, is 2",
        "freeze was None, is 10",
    ):
        assert words in str(caught.value)
    assert "imgsz" not in str(caught.value)
    assert (tmp_path / "plan.json").read_bytes() == before


def test_other_images_or_versions_are_a_difference(tmp_path: Path) -> None:
    keep_plan(plan(), tmp_path)
    for change in ({"fingerprint": "3c 2b"}, {"versions": {"torch": "3"}}, {"metric": "AP"}):
        with pytest.raises(ArgumentError, match=next(iter(change))[:5] if "versions" not in change else "torch"):
            keep_plan(dataclasses.replace(plan(), **change), tmp_path)  # type: ignore[arg-type]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ArgumentError, match="holds other files"):
        keep_plan(plan(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_damaged_plan_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(ArgumentError, match=r"plan\.json can't be read"):
        keep_plan(plan(), tmp_path)


@pytest.mark.parametrize(
    ("given", "seeds"), [(3, [0, 1, 2]), ("3", [0, 1, 2]), ("5,6", [5, 6]), ("7,", [7]), ("[5, 6]", [5, 6])]
)
def test_seeds(given: int | str, seeds: list[int]) -> None:
    assert read_seeds(given) == seeds


@pytest.mark.parametrize("given", [0, "", "x", "-1", "1,1", "1.5"])
def test_seeds_that_are_none(given: int | str) -> None:
    with pytest.raises(ArgumentError, match="seed"):
        read_seeds(given)
