# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ablations that were never trained: folders with the results of runs, made from numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.ablation.arms import Arm
from yolo_fine.ablation.costs import Cost
from yolo_fine.ablation.plan import Plan, Run
from yolo_fine.utils.executors import Watch
from yolo_fine.utils.files import write_json

IMAGES, RESAMPLES = 40, 400
BASE = Arm("yolo11n.yaml", "yolo11n.yaml")
FINE = Arm("yolo11n-fine.yaml", "yolo11n-fine.yaml")
EMA = Arm("yolo11n-ema.yaml", "yolo11n-ema.yaml")


def plan(arms: Sequence[Arm] = (BASE, FINE), seeds: Sequence[int] = (0, 1, 2), **other: Any) -> Plan:
    """A plan whose first arm is the baseline."""
    values: dict[str, Any] = {
        "data": "data.yaml", "weights": None, "metric": "AP_small", "detect": 1.0, "evaluation": {"sizes": "coco"},
        "training": {"epochs": 1, "imgsz": 64}, "fingerprint": "1a 2b", "versions": {"torch": "2"},
    }  # fmt: skip
    return Plan(arms=tuple(arms), baseline=arms[0].name, seeds=tuple(seeds), **(values | other))


def costs(gflops: Mapping[str, float]) -> dict[str, Cost]:
    """Costs of models by name: GFLOPs, and as many million parameters."""
    return {name: Cost(int(value * 1e6), value) for name, value in gflops.items()}


def finish(folder: Path, run: Run, values: Mapping[str, float | None], **other: Any) -> None:
    """Write what a finished run leaves: metrics in points, and resamples about them that all runs share."""
    place = folder / run.name
    place.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {
        "model": run.arm.name, "seed": run.seed, "metrics": dict(values), "batch": 4, "imgsz": 64, "epochs": 1,
        "data_hash": f"data of seed {run.seed}", "weights_hash": f"weights of {run.name}",
        "seconds": {"train": 60.0, "eval": 30.0}, "diverged": False,
    }  # fmt: skip
    write_json(place / "result.json", result | other)
    write_json(
        place / "eval.json",
        {"manifest": {"groups": {"effective_groups": float(IMAGES)}, "data": {"images": IMAGES}}},
    )
    common = np.random.default_rng(0).normal(0, 0.2, RESAMPLES)
    own = np.random.default_rng([run.seed, len(run.arm.name)]).normal(0, 0.1, RESAMPLES)
    drawn = {name: (np.nan if value is None else value) + common + own for name, value in values.items()}
    np.savez(place / "boot.npz", **drawn)  # type: ignore[arg-type]


class Pretended:
    """An executor that trains nothing: ``result`` says what a run's folder gets, or None for a run that fails."""

    def __init__(self, result: Any) -> None:
        self.result, self.carried_out = result, []  # type: ignore[var-annotated]

    def carry_out(self, folders: Sequence[Path], watch: Watch) -> Iterator[tuple[Path, int]]:
        for folder in folders:
            watch(folder, "")
            self.carried_out.append(folder.name)
            yield folder, self.result(folder)
