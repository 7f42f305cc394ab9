# SPDX-License-Identifier: AGPL-3.0-or-later
"""``YOLO_FINE_EVAL=small``: COCO's AP and AR of small objects of the val set, per epoch, in results.csv.

Small is an area of at most 32x32 px in the original image. The boxes are the validator's own, after its suppression:
there is no second forward pass. ``conf`` is therefore 0.001 and ``max_det`` 300 unless training was told otherwise
(newer releases raise 300 to the largest number of objects in an image), and ``max_det`` is COCO's maxDets too.

Several GPUs: the variable must be set for all.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from yolo_fine.integration import training_hooks
from yolo_fine.integration.log import say, warn
from yolo_fine.integration.training_hooks import EpochMetric, Validation
from yolo_fine.utils.hints import did_you_mean

VARIABLE = "YOLO_FINE_EVAL"
CHOICES = ("small",)
COLUMNS = {"metrics/AP_small(B)": "AP_small", "metrics/AR_small(B)": "AR_small"}
UNDEFINED = dict.fromkeys(COLUMNS, float("nan"))  # no small object, no validation in this epoch, or a failure


def arm_from_environment() -> None:
    """Log AP_small if ``YOLO_FINE_EVAL=small`` is set; any other value is a warning that names the choices."""
    value = os.environ.get(VARIABLE, "").strip()
    if value in CHOICES:
        log_small_ap()
    elif value and int(os.environ.get("RANK", "-1")) <= 0:
        warn(f"{VARIABLE}={value} has no effect; choices are {', '.join(CHOICES)}{did_you_mean(value, CHOICES)}")


def log_small_ap() -> None:
    """Add the columns to the trainings of this process and, through the environment, of the workers it starts.

    Call it before the model or trainer is made. Calling it again changes nothing.
    """
    os.environ[VARIABLE] = "small"
    training_hooks.add_default_callback("on_val_start", watch_validator)
    training_hooks.add_default_callback("on_pretrain_routine_end", watch_trainer)


def watch_validator(validator: Any) -> None:
    """Callback: collect what this validator finds."""
    training_hooks.watch_validator(validator, AP_SMALL)


def watch_trainer(trainer: Any) -> None:
    """Callback: put the columns at the end of each row of this trainer's results.csv."""
    training_hooks.watch_trainer(trainer, AP_SMALL)


def measure(validation: Validation) -> dict[str, float]:
    """AP_small and AR_small of a validation, by column; NaN where no object is small."""
    from yolo_fine.evaluation.coco.score import evaluate_coco
    from yolo_fine.evaluation.sizes import KNOWN_BINS
    from yolo_fine.formats.objects import Detections, GroundTruth

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
    found = np.concatenate([np.zeros((0, 6)), *validation.found])
    detections = Detections(
        image=np.repeat(np.arange(len(validation.files)), [len(rows) for rows in validation.found]),
        boxes=np.column_stack([found[:, :2], found[:, 2:4] - found[:, :2]]),
        category=found[:, 5].astype(np.int64),
        score=found[:, 4].copy(),
    )
    small = next(bin_ for bin_ in KNOWN_BINS["coco"] if bin_.name == "small")
    score = evaluate_coco(truth, detections, [small], max_det=validation.max_det)
    values = {column: score.metrics[name] for column, name in COLUMNS.items()}
    metrics = {column: float("nan") if value is None else value for column, value in values.items()}
    told = ", ".join(f"{name} {metrics[column]:.4f}" for column, name in COLUMNS.items())
    say(f"{told} (objects up to 32x32 px)")
    return metrics


AP_SMALL = EpochMetric("AP_small", measure, UNDEFINED)
