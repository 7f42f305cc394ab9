# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine ablate``: carries out a plan, keeps what is finished, and reports."""

from __future__ import annotations

import json as json_format
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from yolo_fine.ablation.arms import read_arms
from yolo_fine.ablation.executors import Executor, LocalExecutor, RayExecutor, last_words
from yolo_fine.ablation.plan import Plan, Run, keep_plan
from yolo_fine.ablation.report import Ablation, write_reports
from yolo_fine.ablation.run import EVALUATION, JOB, PROGRESS, RESULT
from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.manifest import fingerprint_of, package_versions
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.integration.checkpoints import check_weights_file
from yolo_fine.integration.commands import check_train_arguments
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import progress, show_note
from yolo_fine.utils.files import write_json
from yolo_fine.utils.paths import StrPath
from yolo_fine.utils.space import check_space

FAILED = "failed.json"
FIXED = {"plots": False, "val": True}  # training arguments that an ablation sets
TAKEN = ("model", "data", "seed", "project", "name", "exist_ok", "resume", "pretrained", "trainer", "mode", "task")


@public
def ablate(
    models: str,
    data: StrPath,
    *,
    seeds: int | str = 5,
    baseline: str | None = None,
    weights: StrPath | None = None,
    metric: str = "AP_small",
    detect: float = 1.0,
    sizes: str = "coco",
    groups: str | None = None,
    max_det: int = 500,
    engine: Literal["local", "ray"] = "local",
    workers: int = 1,
    address: str = "auto",
    gpus: float = 0,
    resamples: int = 1000,
    plan_only: bool = False,
    out: StrPath = "runs/ablate",
    **training: Any,
) -> Ablation:
    """Train models with several seeds on equal data, evaluate them, and say what is beyond noise.

    Give the same command again after it was stopped: finished runs are kept, the one that was cut starts anew. All models
    of one seed are trained after another, so that a stopped ablation is already a fair comparison. ``last.pt`` is judged,
    because ``best.pt`` was chosen on the images that judge it.

    Args:
        models: YAMLs, checkpoints and recipes, as ``yolo11n.yaml,yolo11n-fine.yaml,yolo11n+fuse:FINE+head:p2``.
        data: Dataset YAML.
        seeds: How many seeds, from 0 on; or which, as ``5,6,7``.
        baseline: The model that the others are compared with; by default the first.
        weights: Pretrained checkpoint for all models that are YAMLs; without it they are trained from scratch.
        metric: The metric that decides; the others are further metrics.
        detect: A difference worth detecting, in points of the metric.
        sizes: Size bins: ``coco``, ``aitod``, or limits in pixels.
        groups: Resample groups of images, as clips: a regular expression whose first group names the clip, or a CSV file.
        max_det: Most boxes of an image.
        engine: ``local`` processes, or a ``ray`` cluster.
        workers: Local runs at a time.
        address: Of the Ray cluster; ``auto`` finds a running one, ``local`` starts one.
        gpus: GPUs that a run takes on the Ray cluster.
        resamples: Resamples of the images; 400 or more.
        plan_only: Check everything and show the plan, with the time that it will take; train nothing.
        out: Folder of the ablation.
        training: Any argument of ``yolo train``: ``epochs=30 imgsz=640 batch=16``, ...

    Raises:
        ArgumentError: An argument can't be used, or ``out`` holds an ablation with other arguments.
        MissingFileError, DataError, ModelYamlError: A model or the data can't be used. Nothing was trained then.
    """
    folder = Path(out)
    plan = make_plan(
        models, str(data), seeds=seeds, baseline=baseline, weights=weights, metric=metric, detect=detect,
        evaluation={"sizes": sizes, "groups": groups, "max_det": max_det, "resamples": resamples}, training=training,
    )  # fmt: skip
    keep_plan(plan, folder)
    jobs = prepare(plan, folder)
    executor = make_executor(engine, workers, address, gpus)
    estimate = probe(plan, jobs, folder, executor)
    if not plan_only:
        carry_out(plan, jobs, executor, estimate)
    return write_reports(plan, folder, estimate)
