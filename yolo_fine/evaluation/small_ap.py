# SPDX-License-Identifier: AGPL-3.0-or-later
"""``YOLO_FINE_EVAL=small``: COCO's AP and AR by object size of the val set, per epoch, in results.csv and every logger.

``small`` is objects of an area of at most 32x32 px in the original image; ``sizes`` adds medium and large ones,
``aitod`` has the bins of AI-TOD, and ``8,16,32`` bins of your own. The boxes are the validator's, after its
suppression: there is no second forward pass. ``conf`` is therefore 0.001 and ``max_det`` 300 unless training was told
otherwise (newer releases raise 300 to the largest number of objects in an image); ``max_det`` is COCO's maxDets too.

The validation at the end of a training, with the best weights, gets the official VisDrone AP too where the dataset has
VisDrone's own annotations. Loggers (TensorBoard, MLflow, W&B, Comet, ...) take all of it from Ultralytics' callbacks.

Several GPUs: the variable must be set for all.
"""

from __future__ import annotations

import os
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.evaluation.sizes import KNOWN_BINS, Bin, parse_sizes
from yolo_fine.integration import training_hooks
from yolo_fine.integration.log import say, warn
from yolo_fine.integration.training_hooks import EpochMetric, Validation
from yolo_fine.utils.hints import did_you_mean

VARIABLE = "YOLO_FINE_EVAL"
CHOICES = ("small", "sizes", "aitod")
OFFICIAL = {"metrics/VisDrone_AP(B)": "AP", "metrics/VisDrone_AP50(B)": "AP50"}


def arm_from_environment() -> None:
    """Log AP by size if ``YOLO_FINE_EVAL`` is set; a value that is none of its choices is a warning that names them."""
    value = os.environ.get(VARIABLE, "").strip()
    try:
        if value and bins_of(value):
            log_small_ap(value)
    except ArgumentError:
        if int(os.environ.get("RANK", "-1")) <= 0:
            choices = f"{', '.join(CHOICES)} and limits in pixels, as 8,16,32"
            warn(f"{VARIABLE}={value} has no effect; choices are {choices}{did_you_mean(value, CHOICES)}")


def log_small_ap(sizes: str = "small") -> None:
    """Add the columns to the trainings of this process and, through the environment, of the workers it starts.

    Call it before the model or trainer is made. Calling it again with the same sizes changes nothing.

    Args:
        sizes: ``small``, ``sizes``, ``aitod``, or limits in pixels.

    Raises:
        ArgumentError: It is none of these.
    """
    bins_of(sizes)
    os.environ[VARIABLE] = sizes
    training_hooks.add_default_callback("on_val_start", watch_validator)
    training_hooks.add_default_callback("on_pretrain_routine_end", watch_trainer)


def bins_of(value: str) -> list[Bin]:
    """The size bins that a value of the variable asks for.

    Raises:
        ArgumentError: It is none.
    """
    if value == "small":
        return [next(one for one in KNOWN_BINS["coco"] if one.name == "small")]
    return parse_sizes("coco" if value == "sizes" else value)


@cache
def metric_of(value: str) -> EpochMetric:
    """The metric that a value of the variable asks for."""
    bins = bins_of(value)
    columns = {
        # MLflow takes no + in a name, and would then log none of the epoch's metrics.
        f"metrics/{kind}_{one.name.replace('+', 'up')}(B)": f"{kind}_{one.name}"
        for one in bins
        for kind in ("AP", "AR")
    }
    name = "AP_small" if value == "small" else "AP by size"
    # What stands where nothing was measured: no such object, no validation in this epoch, or a failure.
    return EpochMetric(name, partial(measure, bins=bins, columns=columns), dict.fromkeys(columns, float("nan")))


def asked() -> EpochMetric:
    """The metric that the environment asks for."""
    return metric_of(os.environ.get(VARIABLE, "").strip() or "small")


def watch_validator(validator: Any) -> None:
    """Callback: collect what this validator finds."""
    training_hooks.watch_validator(validator, asked())


def watch_trainer(trainer: Any) -> None:
    """Callback: put the columns at the end of each row of this trainer's results.csv."""
    training_hooks.watch_trainer(trainer, asked())


def measure(validation: Validation, bins: list[Bin], columns: dict[str, str]) -> dict[str, float]:
    """AP and AR of each size in a validation, by column; NaN where there is no such object."""
    from yolo_fine.evaluation.coco.score import evaluate_coco
    from yolo_fine.formats.objects import GroundTruth

    labels = np.concatenate([np.zeros((0, 5)), *validation.labels])
    truth = GroundTruth(
        names=validation.files,
        sizes=validation.sizes,
        classes=validation.names,
        image=np.repeat(np.arange(len(validation.files)), [len(rows) for rows in validation.labels]),
        boxes=labels[:, :4],
        category=labels[:, 4].astype(np.int64),
        area=labels[:, 2] * labels[:, 3],
        crowd=np.zeros(len(labels), dtype=bool),
    )
    score = evaluate_coco(truth, detections_of(validation.found), bins, max_det=validation.max_det)
    values = {column: score.metrics[name] for column, name in columns.items()}
    metrics = {column: float("nan") if value is None else value for column, value in values.items()}
    told = ", ".join(f"{name} {metrics[column]:.4f}" for column, name in columns.items())
    say(f"{told} ({'objects up to 32x32 px' if len(bins) == 1 else 'by the side of objects in pixels'})")
    return metrics | (official_score(validation) if validation.is_last else {})


def detections_of(found: list[Any], categories: dict[int, int] | None = None) -> Any:
    """The boxes of all images, best first within an image, with the classes as they are or as ``categories`` says."""
    from yolo_fine.formats.objects import Detections

    ordered = [rows[np.argsort(-rows[:, 4], kind="stable")] for rows in found]
    if categories is not None:
        ordered = [rows[np.isin(rows[:, 5], list(categories))] for rows in ordered]
    rows = np.concatenate([np.zeros((0, 6)), *ordered])
    known = [int(number) if categories is None else categories[int(number)] for number in rows[:, 5]]
    return Detections(
        image=np.repeat(np.arange(len(ordered)), [len(one) for one in ordered]),
        boxes=np.column_stack([rows[:, :2], rows[:, 2:4] - rows[:, :2]]),
        category=np.array(known, dtype=np.int64),
        score=rows[:, 4].copy(),
    )


def official_score(validation: Validation) -> dict[str, float]:
    """The official VisDrone AP as a fraction, by column; nothing where the dataset has no such annotations.

    The boxes are the validator's, up to its ``max_det``: with fewer than 500 an image, the score of ``yolo-fine eval``
    may be higher.
    """
    from yolo_fine.evaluation.classes import match_classes
    from yolo_fine.evaluation.sources import open_source
    from yolo_fine.evaluation.visdrone.score import evaluate_visdrone

    if not validation.data:
        return {}
    try:
        source = open_source(validation.data, validation.split, None, None, None)
        if source.kind != "visdrone" or source.truth.files is None:
            return {}
        places = {Path(file).resolve(): index for index, file in enumerate(validation.files)}
        order = [places.get(Path(file).resolve()) for file in source.truth.files]
        if None in order:
            return {}  # a part of the split, which has no official score
        found = [validation.found[index] for index in order if index is not None]
        categories = match_classes(validation.names, source.truth.classes, allow_missing=True)
        metrics = evaluate_visdrone(source.truth, detections_of(found, categories)).metrics
    except YoloFineError as error:
        warn(f"the official VisDrone AP is not available: {error}")
        return {}
    values = {column: metrics[name] for column, name in OFFICIAL.items()}
    say(f"official VisDrone AP {values['metrics/VisDrone_AP(B)']} % (max_det={validation.max_det})")
    return {column: float("nan") if value is None else value / 100 for column, value in values.items()}


AP_SMALL = metric_of("small")
COLUMNS = {f"metrics/{kind}_small(B)": f"{kind}_small" for kind in ("AP", "AR")}
