# SPDX-License-Identifier: AGPL-3.0-or-later
"""How long an ablation will take, from the first steps of each model, and how much disk it needs."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolo_fine.ablation.comparisons import Finished, read_finished
from yolo_fine.ablation.plan import Plan, Run
from yolo_fine.ablation.run import JOB, PROBE_STEPS
from yolo_fine.errors import ArgumentError
from yolo_fine.utils.console import progress
from yolo_fine.utils.executors import PROGRESS, Executor, last_words
from yolo_fine.utils.files import write_json
from yolo_fine.utils.tables import Table

PROBES = "probes"
DEFAULT_EPOCHS = 100  # of Ultralytics
BYTES_A_PARAMETER = 4  # best.pt and last.pt in half precision
BYTES_BESIDE = 3 << 20  # boxes, resampled metrics and logs of a run


@dataclass
class Estimate:
    """Seconds of a run of each model: from its first steps, then from its finished runs.

    Attributes:
        plan: What is estimated.
        seconds: By model. From steps it is the training alone, without validation.
        disk: Bytes that all runs keep.
        measured: Models whose seconds come from finished runs.
        left: Runs that are not finished, by model.
        failed: Models that did not come through their first steps, with the last words of each.
    """

    plan: Plan
    seconds: dict[str, float]
    disk: int = 0
    measured: set[str] = field(default_factory=set)
    left: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def learn(self, finished: Mapping[Run, Finished]) -> None:
        """Take the seconds of models with finished runs from these."""
        for arm in self.plan.arms:
            own = [found.result["seconds"] for run, found in finished.items() if run.arm == arm]
            if own:
                self.seconds[arm.name] = statistics.mean(one["train"] + one["eval"] for one in own)
                self.measured.add(arm.name)
            self.left[arm.name] = len(self.plan.seeds) - len(own)

    @property
    def hours_left(self) -> float | None:
        """Hours of all runs that are not finished, one at a time; None if a model's are not known."""
        if any(self.left[arm.name] and arm.name not in self.seconds for arm in self.plan.arms):
            return None
        return sum(self.seconds.get(name, 0.0) * left for name, left in self.left.items()) / 3600

    @property
    def time_left(self) -> str:
        """The time of all runs that are not finished, in words."""
        hours = self.hours_left
        if hours is None:
            return "an unknown time"
        return f"{hours:.1f} hours" if hours >= 1.5 else f"{60 * hours:.0f} minutes"

    def show(self) -> list[str | Table]:
        """The plan as a table, the time that it takes, and which models will fail."""
        rows = [
            {
                "model": arm.name,
                "runs left": self.left[arm.name],
                "minutes a run": f"{self.seconds[arm.name] / 60:.1f}" if arm.name in self.seconds else "unknown",
                "from": "finished runs" if arm.name in self.measured else "first steps, without validation",
            }
            for arm in self.plan.arms
        ]
        seeds = ", ".join(str(seed) for seed in self.plan.seeds)
        title = (
            f"{len(self.plan.runs)} runs: {len(self.plan.arms)} models, seeds {seeds}, decided by {self.plan.metric}"
        )
        below = f"left: {self.time_left}, one run at a time; disk: {self.disk / 2**20:.0f} MiB"
        fail = [f"{name} fails in its first steps of training: {said}" for name, said in self.failed.items()]
        return [Table(rows, title, below), *fail]


def estimate_time(
    plan: Plan, jobs: Mapping[Run, dict[str, Any]], parameters: Mapping[str, int], folder: Path, executor: Executor
) -> Estimate:
    """Time the first steps of every model that has no finished run, and check that the disk has room.

    Args:
        plan: What will be done.
        jobs: What each run has to do.
        parameters: Number of parameters of each model.
        folder: Of the ablation. What was timed is kept there.
        executor: Carries out the steps.

    Raises:
        ArgumentError: The disk is too small, or no model can be trained; the message has what Ultralytics said.
    """
    estimate = Estimate(plan, {}, left={arm.name: len(plan.seeds) for arm in plan.arms})
    finished = read_finished(plan, folder)
    estimate.disk = sum(BYTES_A_PARAMETER * parameters[run.arm.name] + BYTES_BESIDE for run in plan.runs)
    free = shutil.disk_usage(folder).free
    if estimate.disk > free:
        raise ArgumentError(
            f"out={folder}: the runs keep about {estimate.disk >> 20:,} MiB, and {free >> 20:,} MiB are free"
        )
    estimate.learn(finished)
    first = {run.arm.name: jobs[run] for run in reversed(plan.runs) if run.arm.name not in estimate.measured}
    places = {name: folder / PROBES / run_folder(plan, name) for name in first}
    waiting = [place for name, place in places.items() if not (place / PROGRESS).is_file()]
    for name, place in places.items():
        if place in waiting:
            place.mkdir(parents=True, exist_ok=True)
            write_json(place / JOB, first[name] | {"probe": True})
    with progress("timing the first steps", len(waiting)) as tell:
        for done, (place, _) in enumerate(executor.carry_out(waiting, lambda place, how_far: None), 1):
            shutil.rmtree(place / "train", ignore_errors=True)
            tell(done, len(waiting), place.name)
    epochs = plan.training.get("epochs", DEFAULT_EPOCHS)
    for name, place in places.items():
        if (place / PROGRESS).is_file():
            timed = json.loads((place / PROGRESS).read_text(encoding="utf-8"))
            estimate.seconds[name] = timed["step"] * timed["steps"] * epochs
        else:
            estimate.failed[name] = last_words(place)
    if first and not estimate.seconds:
        said = last_words(next(iter(places.values())))
        raise ArgumentError(f"no model came through {PROBE_STEPS} steps of training; the first one said: {said}")
    return estimate


def run_folder(plan: Plan, name: str) -> str:
    """A model's name as the name of a folder."""
    return next(arm.slug for arm in plan.arms if arm.name == name)
