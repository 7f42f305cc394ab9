# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine ablate``: carries out a plan, keeps what is finished, and reports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from yolo_fine.ablation.arms import again, read_arms
from yolo_fine.ablation.comparisons import check_seeds, read_finished
from yolo_fine.ablation.costs import LATENCY, Cost, count_costs, time_latency, with_latency
from yolo_fine.ablation.estimate import Estimate, estimate_time
from yolo_fine.ablation.metrics import metric_names
from yolo_fine.ablation.plan import PLAN, Plan, Run, keep_plan
from yolo_fine.ablation.report import Ablation, read_ablation, write_reports
from yolo_fine.ablation.run import FAILED, JOB, RESULT, clear
from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.evaluation.groups import read_groups
from yolo_fine.evaluation.manifest import package_versions
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.evaluation.sources import from_dataset
from yolo_fine.formats.fingerprint import data_fingerprint
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.integration.commands import check_arguments
from yolo_fine.integration.models import read_weights
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import progress, show
from yolo_fine.utils.constraints import Positive, PositiveNumber
from yolo_fine.utils.executors import Executor, LocalExecutor, RayExecutor, last_words
from yolo_fine.utils.files import write_json
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.parts import alone_in, make_parents, remove, remove_empty
from yolo_fine.utils.paths import StrPath

TAKEN = {
    "model": "models=", "seed": "seeds=", "project": "out=", "name": "out=", "pretrained": "weights=", "exist_ok": None,
    "resume": None, "trainer": None, "mode": None, "task": None, "plots": None, "cfg": None,
}  # fmt: skip
SHORTEST = 400  # resamples
RUN = "yolo_fine.ablation.run"  # carries out one run


@public
def ablate(
    models: str,
    data: StrPath,
    *,
    seeds: int | str = 5,
    baseline: str | None = None,
    control: bool = False,
    weights: StrPath | None = None,
    metric: str = "AP_small",
    detect: PositiveNumber = 1.0,
    sizes: str = "coco",
    groups: str | None = None,
    max_det: int = 500,
    resamples: int = 1000,
    engine: Literal["local", "ray"] = "local",
    workers: Positive = 1,
    loader_workers: int | None = None,
    address: str = "auto",
    gpus: float = 0,
    latency: bool = True,
    plan_only: bool = False,
    out: StrPath = "runs/ablate",
    verbose: bool = False,
    **training: Any,
) -> Ablation:
    """Train models with several seeds on equal data, evaluate them, and say what is beyond noise.

    Give the same command again after it was stopped: finished runs are kept, the one that was cut starts anew. All
    models of one seed are trained one after another, so that a stopped ablation is already a fair comparison.
    ``last.pt`` is judged, because ``best.pt`` was chosen on the images that judge it.

    Args:
        models: YAMLs, checkpoints and recipes, as ``yolo11n.yaml,yolo11n-fine.yaml,yolo11n+fuse:FINE+head:p2``;
            ``yolo11n+imgsz:960`` and ``yolo11n+weights:other.pt`` have an input size and weights of their own.
        data: Dataset YAML.
        seeds: How many seeds, from 0 on; or which, as ``5,6,7``.
        baseline: The model that the others are compared with; by default the first.
        control: Train the baseline with other seeds too: its row shows what no difference looks like.
        weights: Pretrained checkpoint for all models that are YAMLs; without it they are trained from scratch.
        metric: The metric that decides; the others are further metrics.
        detect: A difference worth detecting, in points of the metric.
        sizes: Size bins: ``coco``, ``aitod``, or limits in pixels.
        groups: Clips that images are frames of: a regular expression whose first group names the clip, or a CSV file.
        max_det: Most boxes of an image.
        resamples: Resamples of the images, 400 or more.
        engine: ``local`` processes, or a ``ray`` cluster.
        workers: Local runs at a time.
        loader_workers: What ``yolo train`` calls ``workers``: processes that load images for one run.
        address: Of the Ray cluster; ``auto`` finds a running one, ``local`` starts one.
        gpus: GPUs that a run takes on the Ray cluster.
        latency: Time the models too, beside each other, when the runs are finished.
        plan_only: Check everything, and estimate the time; train nothing.
        out: Folder of the ablation.
        verbose: Show the plan before the first run.
        training: Any argument of ``yolo train``: ``epochs=30 imgsz=640 batch=16``, ...

    Raises:
        ArgumentError: An argument can't be used, or ``out`` holds an ablation with other arguments.
        MissingFileError, DataError, ModelYamlError: A model or the data can't be used. Nothing was trained then.
    """
    folder = Path(out)
    if loader_workers is not None:
        training["workers"] = loader_workers
    evaluation = {"sizes": sizes, "groups": groups, "max_det": max_det, "resamples": resamples}
    plan = make_plan(
        models, str(data), seeds=seeds, baseline=baseline, control=control, weights=weights, metric=metric,
        detect=detect, evaluation=evaluation, training=training,
    )  # fmt: skip
    executor = LocalExecutor(RUN, workers) if engine == "local" else RayExecutor(RUN, address, gpus)
    sizes_of = {arm.name: arm.imgsz or training.get("imgsz", 640) for arm in plan.arms}
    with made_or_not(folder), alone_in(folder):
        with emptied_on_error(folder):
            keep_plan(plan, folder)
            files = compose_models(plan, folder)
            costs = count_costs(files, sizes_of)
            jobs = write_jobs(plan, files, folder)
            parameters = {name: cost.parameters for name, cost in costs.items()}
            estimate = estimate_time(plan, jobs, parameters, folder, executor)
        if verbose:
            show(*estimate.show())
        if not plan_only:
            carry_out(plan, folder, executor, costs, estimate)
            if latency and not (folder / LATENCY).is_file():
                time_latency(files, sizes_of, plan.baseline, folder)
        found = read_ablation(plan, folder, with_latency(costs, folder))
        write_reports(found, folder)
    return found


@contextmanager
def made_or_not(folder: Path) -> Iterator[None]:
    """Make a folder; it is gone again if nothing is in it at the end."""
    made = make_parents(folder / PLAN)
    try:
        yield
    finally:
        remove_empty(made)


@contextmanager
def emptied_on_error(folder: Path) -> Iterator[None]:
    """Empty a folder that held no ablation before, if one can't begin: a plan that was wrong is not in the way."""
    new = not any(folder.iterdir())
    try:
        yield
    except YoloFineError:
        for path in folder.iterdir() if new else ():
            remove(path)
        raise


def make_plan(models: str, data: str, *, seeds: int | str, baseline: str | None, control: bool, weights: StrPath | None,
              metric: str, detect: float, evaluation: dict[str, Any], training: dict[str, Any]) -> Plan:  # fmt: skip
    """Check everything that can be known before the first run, and say what will be done.

    Raises:
        YoloFineError: Something can't be used.
    """
    arms = read_arms(models)
    base = next((arm for arm in arms if arm.name == (baseline or arms[0].name)), None)
    if base is None:
        raise ArgumentError(f"baseline={baseline} is none of the models: {', '.join(arm.name for arm in arms)}")
    if control:
        arms.append(again(base))
    if len(arms) < 2:
        raise ArgumentError(f"models={models}: name at least two, or control=True")
    if re.search(r"\d\s*,\s*\d", str(training.get("device", ""))):
        raise ArgumentError(
            f"device={training['device']}: a run of an ablation takes one GPU, where data are equal for all models; "
            "engine=ray address=local gpus=1 gives every run a GPU of its own"
        )
    for key in training:
        if key in TAKEN:
            instead = f"; use {TAKEN[key]}" if TAKEN[key] else ""
            raise ArgumentError(f"{key}= is set by the ablation{instead}")
    check_arguments(training)
    bins = parse_sizes(evaluation["sizes"])
    if evaluation["resamples"] < SHORTEST:
        raise ArgumentError(f"resamples={evaluation['resamples']} must be {SHORTEST} or more")
    source = from_dataset(data, "val")
    metrics = metric_names(bins, source.kind)
    if metric not in metrics:
        raise ArgumentError(f"metric={metric} is none of {', '.join(metrics)}{did_you_mean(metric, metrics)}")
    read_groups(evaluation["groups"], source.truth.names, source.kind)
    fingerprints = [data_fingerprint(truth) for truth in (read_split(data, "train"), source.truth)]
    for file in dict.fromkeys([weights, *(arm.weights for arm in arms)]):
        if file is not None:
            read_weights(file)
    return Plan(
        arms=tuple(arms), baseline=base.name, seeds=tuple(read_seeds(seeds)), data=data,
        weights=None if weights is None else str(weights), metric=metric, detect=detect, evaluation=evaluation,
        training=training, fingerprint=" ".join(fingerprints), versions=package_versions(),
    )  # fmt: skip


def read_seeds(seeds: int | str) -> list[int]:
    """``5`` is the seeds 0 to 4, ``5,6`` are those.

    Raises:
        ArgumentError: They are no numbers from 0 up, or one is there twice.
    """
    words = [word.strip() for word in str(seeds).strip("[]()").split(",") if word.strip()]
    if not words or not all(word.isdigit() for word in words):
        raise ArgumentError(f"seeds={seeds} must be a number of seeds, or seeds as 5,6,7")
    numbers = [int(word) for word in words]
    if len(numbers) == 1 and isinstance(seeds, (int, str)) and "," not in str(seeds):
        if numbers[0] < 1:
            raise ArgumentError("seeds=0: at least one is needed")
        return list(range(numbers[0]))
    if len(set(numbers)) < len(numbers):
        raise ArgumentError(f"seeds={seeds}: a seed is there twice")
    return numbers


def compose_models(plan: Plan, folder: Path) -> dict[str, str]:
    """Compose the models that are recipes. Returns the model file of every arm.

    Raises:
        YoloFineError: One can't be composed.
    """
    models = folder / "models"
    models.mkdir(exist_ok=True)
    return {arm.name: arm.model_file(models.absolute()) for arm in plan.arms}


def write_jobs(plan: Plan, files: Mapping[str, str], folder: Path) -> dict[Run, dict[str, Any]]:
    """Write what each run has to do into its folder."""
    jobs = {}
    for run in plan.runs:
        jobs[run] = {
            "name": run.arm.name, "model": files[run.arm.name], "seed": run.seed,
            "weights": run.arm.weights or plan.weights, "data": plan.data, "evaluation": plan.evaluation,
            "training": plan.training | ({"imgsz": run.arm.imgsz} if run.arm.imgsz else {}),
        }  # fmt: skip
        (folder / run.name).mkdir(exist_ok=True)
        write_json(folder / run.name / JOB, jobs[run])
    return jobs


def carry_out(plan: Plan, folder: Path, executor: Executor, costs: Mapping[str, Cost], estimate: Estimate) -> None:
    """Carry out the runs that are not finished; one that fails does not end the others.

    Raises:
        DataError: Two seeds of a model ended with equal weights.
    """
    finished = read_finished(plan, folder)
    check_seeds(finished)
    waiting = [folder / run.name for run in plan.runs if run not in finished]
    for path in waiting:
        clear(path)
    with progress("runs", len(plan.runs)) as tell:

        def watch(path: Path, how_far: str) -> None:
            tell(len(finished), len(plan.runs), f"{path.name} {how_far}".strip() + f", {estimate.time_left} left")

        for path, code in executor.carry_out(waiting, watch):
            if code or not (path / RESULT).is_file():
                write_json(path / FAILED, {"code": code, "said": last_words(path)})
            finished = read_finished(plan, folder)
            check_seeds(finished)
            estimate.learn(finished)
            write_reports(read_ablation(plan, folder, with_latency(costs, folder)), folder)
