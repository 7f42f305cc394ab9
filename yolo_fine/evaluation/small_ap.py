# SPDX-License-Identifier: AGPL-3.0-or-later
"""``YOLO_FINE_EVAL=small``: COCO's AP and AR of small objects of the val set, per epoch, in results.csv.

Small is an area of at most 32x32 px in the original image. The boxes are the validator's own, after its suppression:
there is no second forward pass. ``conf`` is therefore 0.001 and ``max_det`` 300 unless training was told otherwise
(newer releases raise 300 to the largest number of objects in an image), and ``max_det`` is COCO's maxDets too.

Nothing of Ultralytics is replaced. Two default callbacks (``on_val_start``, ``on_pretrain_routine_end``) put wrappers
around methods of one validator and one trainer object. The columns stand at the end of results.csv, because older
releases plot its first ones by their place, and so that a row without them can still be read.

Several GPUs: newer releases validate on all of them and gather; so does this. The variable must be set for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

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
        _warn(f"{VARIABLE}={value} has no effect; choices are {', '.join(CHOICES)}{did_you_mean(value, CHOICES)}")


def log_small_ap() -> None:
    """Add the columns to the trainings of this process and, through the environment, of the workers it starts.

    Call it before the model or trainer is made. Calling it again changes nothing.
    """
    from ultralytics.utils.callbacks.base import default_callbacks

    os.environ[VARIABLE] = "small"
    for event, callback in (("on_val_start", watch_validator), ("on_pretrain_routine_end", watch_trainer)):
        if callback not in default_callbacks[event]:
            default_callbacks[event].append(callback)


def watch_validator(validator: Any) -> None:
    """Callback: collect what this validator finds, from an empty start."""
    from ultralytics.models.yolo.detect import DetectionValidator

    if not isinstance(validator, DetectionValidator):
        return
    if validator.args.task != "detect":
        return
    collected = getattr(validator, "yolo_fine_small_ap", None)
    if collected is None:
        collected = validator.yolo_fine_small_ap = SmallObjects(validator)
        validator.update_metrics = collected.around_update_metrics(validator.update_metrics)
        validator.get_stats = collected.around_get_stats(validator.get_stats)
        if hasattr(validator, "gather_stats"):
            validator.gather_stats = collected.around_gather_stats(validator.gather_stats)
    collected.images.clear()


def watch_trainer(trainer: Any) -> None:
    """Callback: put the columns at the end of each row of this trainer's results.csv."""
    if trainer.args.task != "detect":
        _say(f"AP_small is for the task 'detect', not '{trainer.args.task}': no columns are added")
        return
    stock = trainer.save_metrics

    def save_metrics(metrics: dict[str, Any]) -> None:
        small = {name: metrics.get(name, UNDEFINED[name]) for name in COLUMNS}
        rest = {name: value for name, value in metrics.items() if name not in COLUMNS}
        stock(metrics={**rest, **small} if _has_columns(trainer.csv) else rest)

    trainer.save_metrics = save_metrics
    if trainer.csv.exists() and not _has_columns(trainer.csv):
        _warn(f"{trainer.csv} was begun without AP_small, so this run goes on without it")


class SmallObjects:
    """The boxes of one validation, image by image, and their metrics.

    Attributes:
        images: File of the image -> its height and width, and rows of left, top, right, bottom, score, class in
            its pixels, shape (n, 6), float32.
    """

    def __init__(self, validator: Any) -> None:
        self.validator = validator
        self.images: dict[str, tuple[tuple[int, int], np.ndarray]] = {}
        self.failed = False

    def around_update_metrics(self, stock: Callable[..., None]) -> Callable[..., None]:
        """Keep the boxes of a batch, before the stock method reads them."""

        def update_metrics(preds: Any, batch: dict[str, Any]) -> None:
            self.attempt(lambda: self.collect(preds, batch))
            stock(preds, batch)

        return update_metrics

    def around_gather_stats(self, stock: Callable[..., None]) -> Callable[..., None]:
        """Bring the boxes of all processes to the first one."""

        def gather_stats() -> None:
            stock()
            self.gather()

        return gather_stats

    def around_get_stats(self, stock: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """Add the metrics to those of the epoch."""

        def get_stats() -> dict[str, Any]:
            stats = stock()
            metrics = self.attempt(self.metrics) or UNDEFINED
            _tell(metrics)
            return {**stats, **metrics}

        return get_stats

    def attempt(self, step: Callable[[], Any]) -> Any:
        """Run a step; a failure is told once and never stops a training."""
        if self.failed:
            return None
        try:
            return step()
        except Exception as error:
            self.failed = True
            _warn(f"AP_small is not available in this run: {type(error).__name__}: {error}")
            return None

    def collect(self, preds: Any, batch: dict[str, Any]) -> None:
        """Take the boxes of a batch, scaled to the original images."""
        for index, pred in enumerate(preds):
            height, width = (int(side) for side in batch["ori_shape"][index])
            rows = as_rows(pred)
            rows[:, :4] = to_original(
                rows[:, :4], tuple(batch["img"].shape[2:]), (height, width), batch["ratio_pad"][index]
            )
            if self.validator.args.single_cls:
                rows[:, 5] = 0
            self.images[str(batch["im_file"][index])] = ((height, width), rows)

    def gather(self) -> None:
        """With several processes, give the first one the boxes of all."""
        import torch.distributed as dist

        if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
            return
        first = dist.get_rank() == 0
        everyone: list[Any] | None = [None] * dist.get_world_size() if first else None
        dist.gather_object((self.failed, self.images), everyone, dst=0)
        for failed, images in everyone or ():
            self.failed |= failed
            self.images.update(images)

    def metrics(self) -> dict[str, float]:
        """AP_small and AR_small of what was collected."""
        from yolo_fine.evaluation.coco.score import evaluate_coco
        from yolo_fine.evaluation.sizes import KNOWN_BINS
        from yolo_fine.formats.objects import Detections

        truth = annotated(self.validator.dataloader.dataset, self.images, self.validator.names)
        rows = [self.images[name][1] for name in truth.names]
        table = np.concatenate(rows).astype(np.float64) if rows else np.zeros((0, 6))
        detections = Detections(
            image=np.repeat(np.arange(len(rows)), [len(row) for row in rows]),
            boxes=np.column_stack([table[:, :2], table[:, 2:4] - table[:, :2]]),
            category=table[:, 5].astype(np.int64),
            score=table[:, 4].copy(),
        )
        small = next(bin_ for bin_ in KNOWN_BINS["coco"] if bin_.name == "small")
        score = evaluate_coco(truth, detections, [small], max_det=self.validator.args.max_det)
        found = {column: score.metrics[name] for column, name in COLUMNS.items()}
        return {column: float("nan") if value is None else value for column, value in found.items()}


def as_rows(pred: Any) -> np.ndarray:
    """One image's boxes as a table: from a tensor of rows (up to 8.3.1xx) or a dictionary of columns."""
    import torch

    if isinstance(pred, dict):
        pred = torch.cat([pred["bboxes"], pred["conf"][:, None], pred["cls"][:, None]], dim=1)
    return pred[:, :6].detach().float().cpu().numpy().copy()


def to_original(boxes: np.ndarray, network: tuple[int, ...], original: tuple[int, int], ratio_pad: Any) -> np.ndarray:
    """Boxes from the network's input to the original image, clipped to it.

    Args:
        boxes: Left, top, right, bottom, shape (n, 4).
        network: Height and width of the network's input.
        original: Height and width of the image.
        ratio_pad: Scales of height and width, and padding at the left and top; an image that was stretched (RT-DETR)
            has scales alone, and they follow from the two sizes.
    """
    if np.size(ratio_pad[0]) == 2:
        (scale_y, scale_x), (left, top) = ratio_pad
    else:
        (scale_y, scale_x), (left, top) = (network[0] / original[0], network[1] / original[1]), (0, 0)
    moved = (boxes - [left, top, left, top]) / [scale_x, scale_y, scale_x, scale_y]
    return moved.clip(0, [original[1], original[0], original[1], original[0]])


def annotated(dataset: Any, images: dict[str, Any], names: dict[int, str]) -> Any:
    """The labels of the images that were validated, in pixels of the original images."""
    from yolo_fine.formats.objects import GroundTruth

    labels = [label for label in dataset.labels if str(label["im_file"]) in images]
    sizes = np.array([images[str(label["im_file"])][0][::-1] for label in labels], dtype=np.int64).reshape(-1, 2)
    counts = [len(label["cls"]) for label in labels]
    share = np.concatenate([label["bboxes"].reshape(-1, 4) for label in labels] or [np.zeros((0, 4))])
    boxes = share.astype(np.float64) * np.repeat(np.tile(sizes, 2), counts, axis=0)
    boxes[:, :2] -= boxes[:, 2:] / 2
    category = np.concatenate([label["cls"].reshape(-1) for label in labels] or [np.zeros(0)])
    return GroundTruth(
        names=tuple(str(label["im_file"]) for label in labels),
        sizes=sizes,
        classes=dict(names),
        image=np.repeat(np.arange(len(labels)), counts),
        boxes=boxes,
        category=category.astype(np.int64),
        area=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(len(boxes), dtype=bool),
    )


def _has_columns(csv: Path) -> bool:
    """Whether results.csv has the columns, or is still to be begun."""
    if not csv.exists():
        return True
    with csv.open(encoding="utf-8") as file:
        header = [name.strip() for name in file.readline().split(",")]
    return set(COLUMNS) <= set(header)


def _tell(metrics: dict[str, float]) -> None:
    values = ", ".join(f"{name} {metrics[column]:.4f}" for column, name in COLUMNS.items())
    _say(f"{values} (objects up to 32x32 px)")


def _say(message: str) -> None:
    from ultralytics.utils import LOGGER

    LOGGER.info(f"yolo_fine: {message}")


def _warn(message: str) -> None:
    from ultralytics.utils import LOGGER

    LOGGER.warning(f"yolo_fine: {message}")
