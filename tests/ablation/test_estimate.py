# SPDX-License-Identifier: AGPL-3.0-or-later
"""How long an ablation will take: from first steps, then from finished runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ablation.grids import BASE, EMA, FINE, Pretended, finish, plan
from yolo_fine.ablation import estimate as estimates
from yolo_fine.ablation.comparisons import read_finished
from yolo_fine.ablation.estimate import Estimate, estimate_time
from yolo_fine.ablation.plan import Run
from yolo_fine.errors import ArgumentError
from yolo_fine.utils.files import write_json

PARAMETERS = {BASE.name: 2_000_000, FINE.name: 3_000_000, EMA.name: 2_100_000}


def probe(folder: Path) -> int:
    """Half a second a step, 100 steps in an epoch."""
    assert json.loads((folder / "job.json").read_text())["probe"]
    write_json(folder / "progress.json", {"step": 0.5, "steps": 100})
    return 0


def jobs(chosen: Any) -> dict[Run, dict[str, Any]]:
    return {run: {"name": run.arm.name} for run in chosen.runs}


def test_first_steps_and_finished_runs(tmp_path: Path) -> None:
    chosen = plan((BASE, FINE), seeds=(0, 1), training={"epochs": 10})
    finish(tmp_path, Run(BASE, 0), {"AP": 1.0})  # 60 + 30 seconds
    executor = Pretended(probe)
    found = estimate_time(chosen, jobs(chosen), PARAMETERS, tmp_path, executor)
    assert executor.carried_out == ["yolo11n-fine"]  # the baseline is known from its run
    assert found.seconds == {BASE.name: 90.0, FINE.name: 0.5 * 100 * 10}
    assert found.left == {BASE.name: 1, FINE.name: 2}
    assert found.hours_left == pytest.approx((90 + 2 * 500) / 3600)
    assert found.time_left == "18 minutes"
    assert found.disk == 2 * (4 * 2_000_000 + 4 * 3_000_000) + 4 * (3 << 20)
    (table,) = found.show()
    text = table.to_markdown()  # type: ignore[union-attr]
    assert "finished runs" in text
    assert "first steps, without validation" in text

    again = Pretended(probe)
    estimate_time(chosen, jobs(chosen), PARAMETERS, tmp_path, again)
    assert again.carried_out == []  # what was timed is kept


def test_it_learns(tmp_path: Path) -> None:
    chosen = plan((BASE, FINE), seeds=(0, 1))
    for run in chosen.runs[:3]:
        finish(tmp_path, run, {"AP": 1.0}, seconds={"train": 3000.0, "eval": 600.0})
    found = Estimate(chosen, {})
    found.learn(read_finished(chosen, tmp_path))
    assert found.time_left == "60 minutes"
    assert found.left == {BASE.name: 0, FINE.name: 1}


def test_a_model_that_fails_its_first_steps_does_not_end_the_others(tmp_path: Path) -> None:
    def one_fails(folder: Path) -> int:
        (folder / "log.txt").write_text("Traceback\nRuntimeError: no such thing\n")
        return 1 if "fine" in folder.name else probe(folder)

    chosen = plan((BASE, FINE), training={"epochs": 10})
    found = estimate_time(chosen, jobs(chosen), PARAMETERS, tmp_path, Pretended(one_fails))
    assert set(found.seconds) == {BASE.name}
    assert found.time_left == "an unknown time"
    assert found.show()[1:] == [
        f"{FINE.name} fails in its first steps of training: Traceback | RuntimeError: no such thing"
    ]


def test_if_all_fail_nothing_is_trained(tmp_path: Path) -> None:
    def fails(folder: Path) -> int:
        (folder / "log.txt").write_text("Traceback\nRuntimeError: no such thing\n")
        return 1

    chosen = plan()
    with pytest.raises(ArgumentError, match="no such thing"):
        estimate_time(chosen, jobs(chosen), PARAMETERS, tmp_path, Pretended(fails))


def test_a_full_disk_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1 << 20})
    monkeypatch.setattr(estimates.shutil, "disk_usage", lambda folder: usage)
    executor = Pretended(probe)
    with pytest.raises(ArgumentError, match=r"keep about \d+ MiB, and 1 MiB are free"):
        estimate_time(plan(), jobs(plan()), PARAMETERS, tmp_path, executor)
    assert executor.carried_out == []
