# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which runs are compared, and which are left out, with the reason."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.ablation.grids import BASE, EMA, FINE, finish, plan
from yolo_fine.ablation.arms import Arm
from yolo_fine.ablation.comparisons import check_seeds, compare_all, read_finished, results_csv
from yolo_fine.ablation.plan import Plan, Run
from yolo_fine.errors import DataError


def grid(folder: Path, chosen: Plan, gain: float = 1.0, leave_out: tuple[str, ...] = ()) -> None:
    """A grid in which every arm but the baseline is better by ``gain``."""
    for run in chosen.runs:
        if run.name not in leave_out:
            better = 0.0 if run.arm.name == chosen.baseline else gain
            finish(folder, run, {"AP": 20.0 + 0.1 * run.pair + better, "AP_small": 10.0 + 0.2 * run.pair + better})


def test_the_deciding_metric_comes_first_and_differences_fall(tmp_path: Path) -> None:
    chosen = plan((BASE, FINE, EMA), seeds=range(5))
    grid(tmp_path, chosen)
    for seed in range(5):
        finish(tmp_path, Run(EMA, seed), {"AP": 20.0 + 0.1 * seed, "AP_small": 15.0 + 0.1 * seed})
    found = compare_all(chosen, read_finished(chosen, tmp_path))
    assert [(one.metric, one.model) for one in found] == [
        ("AP_small", EMA.name), ("AP_small", FINE.name), ("AP", FINE.name), ("AP", EMA.name),
    ]  # fmt: skip
    assert found[1].comparison.difference == pytest.approx(1.0)
    assert found[1].comparison.seeds == (0, 1, 2, 3, 4)
    assert found[1].verdict.words == "beyond noise"


def test_a_missing_seed_is_left_out_of_its_pair_alone(tmp_path: Path) -> None:
    chosen = plan((BASE, FINE, EMA))
    grid(tmp_path, chosen, leave_out=("yolo11n-fine-seed1",))
    found = {one.model: one for one in compare_all(chosen, read_finished(chosen, tmp_path)) if one.metric == "AP"}
    assert found[FINE.name].comparison.seeds == (0, 2)
    assert found[FINE.name].comparison.left_out == (1,)
    assert found[EMA.name].comparison.seeds == (0, 1, 2)
    assert found[FINE.name].to_dict()["left_out"] == [1]
    assert found[FINE.name].to_dict()["seeds"] == 2


@pytest.mark.parametrize("key", ["batch", "imgsz", "epochs", "data_hash"])
def test_runs_that_were_not_trained_alike_are_no_pair(tmp_path: Path, key: str) -> None:
    chosen = plan()
    grid(tmp_path, chosen)
    value = "other data" if key == "data_hash" else 2
    finish(tmp_path, Run(FINE, 1), {"AP": 99.0, "AP_small": 99.0}, **{key: value})
    (one,) = [one for one in compare_all(chosen, read_finished(chosen, tmp_path)) if one.metric == "AP_small"]
    assert one.comparison.seeds == (0, 2)
    assert one.comparison.difference == pytest.approx(1.0)
    assert one.unequal[0].startswith(f"seed 1: {key} {value}")


def test_an_arm_of_another_size_may_see_other_pixels(tmp_path: Path) -> None:
    larger = Arm("yolo11n.yaml+imgsz:96", "yolo11n.yaml", imgsz=96)
    chosen = plan((BASE, larger))
    grid(tmp_path, chosen)
    for seed in chosen.seeds:
        values = {"AP": 21.0 + seed, "AP_small": 11.0 + seed}
        finish(tmp_path, Run(larger, seed), values, imgsz=96, data_hash="larger images")
    found = compare_all(chosen, read_finished(chosen, tmp_path))
    assert all(one.comparison.seeds == (0, 1, 2) and not one.unequal for one in found)


def test_two_seeds_with_equal_weights_are_caught(tmp_path: Path) -> None:
    chosen = plan()
    grid(tmp_path, chosen)
    check_seeds(read_finished(chosen, tmp_path))
    finish(tmp_path, Run(FINE, 2), {"AP": 1.0}, weights_hash="weights of yolo11n-fine-seed0")
    with pytest.raises(DataError, match=r"yolo11n-fine\.yaml: seeds 0 and 2 ended with equal weights"):
        check_seeds(read_finished(chosen, tmp_path))


def test_a_metric_without_objects_is_not_defined(tmp_path: Path) -> None:
    chosen = plan()
    for run in chosen.runs:
        finish(tmp_path, run, {"AP_small": 10.0 + run.pair, "AP_large": None})
    one = compare_all(chosen, read_finished(chosen, tmp_path))[-1]
    assert (one.metric, one.verdict.words, one.verdict.reason) == ("AP_large", "not defined", "no such object")
    assert one.to_dict()["low"] is None


def test_runs_that_diverged_are_counted(tmp_path: Path) -> None:
    chosen = plan()
    grid(tmp_path, chosen)
    finish(tmp_path, Run(FINE, 1), {"AP": 0.0, "AP_small": 0.0}, diverged=True)
    assert [one.diverged for one in compare_all(chosen, read_finished(chosen, tmp_path))] == [1, 1]


def test_results_have_a_row_a_finished_run(tmp_path: Path) -> None:
    chosen = plan(seeds=(0, 1))
    grid(tmp_path, chosen, leave_out=("yolo11n-fine-seed1",))
    finish(tmp_path, Run(BASE, 1), {"AP": 20.5, "AP_small": None})
    rows = list(csv.DictReader(io.StringIO(results_csv(read_finished(chosen, tmp_path)))))
    assert [(row["model"], row["seed"]) for row in rows] == [
        ("yolo11n.yaml", "0"), ("yolo11n-fine.yaml", "0"), ("yolo11n.yaml", "1"),
    ]  # fmt: skip
    assert list(rows[0])[:4] == ["model", "seed", "AP", "AP_small"]
    assert (float(rows[2]["AP"]), rows[2]["AP_small"]) == (20.5, "")
