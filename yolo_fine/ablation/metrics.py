# SPDX-License-Identifier: AGPL-3.0-or-later
"""The metrics of a run in points of 0 to 100, on all images and in every resample of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.ablation.statistics import Run
from yolo_fine.evaluation.run import evaluate
from yolo_fine.evaluation.sizes import Bin
from yolo_fine.evaluation.visdrone.score import METRICS
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.files import finished_file

EVALUATION, BOOT = "eval.json", "boot.npz"
PREFIX = {"coco": "", "visdrone": "VisDrone_"}  # of a metric's name, by protocol
POINTS = {"coco": 100.0, "visdrone": 1.0}  # COCO's metrics are fractions, VisDrone's are percent


def metric_names(bins: Sequence[Bin], kind: str) -> list[str]:
    """Names of the metrics that a run gets, where annotations of this kind (``coco``, ``visdrone``) are evaluated."""
    names = ["AP", "AP50", "AP75", *(f"{metric}_{one.name}" for one in bins for metric in ("AP", "AR"))]
    return names + ([f"{PREFIX['visdrone']}{name}" for name in METRICS] if kind == "visdrone" else [])


def evaluate_run(checkpoint: Path, folder: Path, job: dict[str, Any]) -> dict[str, float | None]:
    """Evaluate a checkpoint, and keep ``eval.json`` and the metrics of all resamples in the run's folder.

    Returns:
        Metric -> points, None where it is not defined.
    """
    training = job["training"]
    found = evaluate(
        model=checkpoint,
        data=job["data"],
        imgsz=training.get("imgsz", 640),
        device=training.get("device"),
        **job["evaluation"],
        json=folder / EVALUATION,
    )
    samples = {
        f"{PREFIX[protocol]}{name}": POINTS[protocol] * drawn
        for protocol, metrics in (found.samples or {}).items()
        if protocol in PREFIX
        for name, drawn in metrics.items()
    }
    with finished_file(folder / BOOT) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **samples)  # type: ignore[arg-type]
    values: dict[str, float | None] = {}
    for protocol, metrics in (("coco", found.coco), ("visdrone", found.visdrone)):
        for name, value in (metrics or {}).items():
            if f"{PREFIX[protocol]}{name}" in samples:
                values[f"{PREFIX[protocol]}{name}"] = None if value is None else POINTS[protocol] * value
    return values


def read_run(folder: Path, metric: str, value: float | None) -> Run:
    """One metric of a finished run, with its resamples."""
    with np.load(folder / BOOT) as boot:
        drawn: Array = boot[metric]
    return Run(value, drawn)
