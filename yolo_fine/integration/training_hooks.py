# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a training's validator finds, given to a metric of this package, whose values go into results.csv.

Nothing of Ultralytics is replaced: default callbacks put wrappers around methods of one validator and one trainer
object. The columns stand at the end of results.csv, because older releases plot its first ones by their place, and so
that a row without them can still be read. With several GPUs, newer releases validate on all of them and gather the
boxes, and so does this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.integration.log import say, warn
from yolo_fine.utils.arrays import Array

Values = dict[str, float]  # column of results.csv -> value


@dataclass(frozen=True)
class Validation:
    """What one validation found, image by image, in pixels of the original images.

    Attributes:
        files: The images.
        sizes: Their width and height, shape (images, 2), int64.
        labels: Left, top, width, height and class of the annotated objects, shape (n, 5), float64, for each image.
        found: Left, top, right, bottom, score and class, shape (n, 6), float64, for each image.
        names: Class names by number.
        max_det: Most detections of an image.
        data: The dataset YAML, as it was named.
        split: Its split.
        is_last: Whether the validation stands at the end of a training, or alone: not within an epoch.
    """

    files: tuple[str, ...]
    sizes: Array
    labels: list[Array]
    found: list[Array]
    names: dict[int, str]
    max_det: int
    data: str = ""
    split: str = "val"
    is_last: bool = False


@dataclass(frozen=True)
class EpochMetric:
    """A metric of every epoch's validation.

    Attributes:
        name: For messages.
        measure: Computes it.
        undefined: What stands in its columns where it was not computed.
    """

    name: str
    measure: Callable[[Validation], Values]
    undefined: Values


def add_default_callback(event: str, callback: Callable[[Any], None]) -> None:
    """Call ``callback`` at an event of every trainer or validator made from now on. Adding it again changes nothing."""
    from ultralytics.utils.callbacks.base import default_callbacks

    if callback not in default_callbacks[event]:
        default_callbacks[event].append(callback)


def watch_validator(validator: Any, metric: EpochMetric) -> None:
    """At ``on_val_start``: collect what a detection validator finds, from an empty start."""
    from ultralytics.models.yolo.detect import DetectionValidator

    if not isinstance(validator, DetectionValidator) or validator.args.task != "detect":
        return
    collected = getattr(validator, "yolo_fine_boxes", None)
    if collected is None:
        collected = validator.yolo_fine_boxes = ValidationBoxes(validator, metric)
        validator.update_metrics = collected.around_update_metrics(validator.update_metrics)
        validator.get_stats = collected.around_get_stats(validator.get_stats)
        if hasattr(validator, "gather_stats"):
            validator.gather_stats = collected.around_gather_stats(validator.gather_stats)
    collected.images.clear()


def watch_trainer(trainer: Any, metric: EpochMetric) -> None:
    """At ``on_pretrain_routine_end``: put the metric's columns at the end of each row of this trainer's results.csv."""
    if trainer.args.task != "detect":
        say(f"{metric.name} is for the task 'detect', not '{trainer.args.task}': no columns are added")
        return
    stock = trainer.save_metrics

    def save_metrics(metrics: Values, **kwargs: Any) -> None:
        ours = {name: metrics.get(name, value) for name, value in metric.undefined.items()}
        rest = {name: value for name, value in metrics.items() if name not in ours}
        stock(metrics={**rest, **ours} if _has_columns(trainer.csv, metric) else rest, **kwargs)

    trainer.save_metrics = save_metrics
    if trainer.csv.exists() and not _has_columns(trainer.csv, metric):
        warn(f"{trainer.csv} was begun without {metric.name}, so this run goes on without it")


def _has_columns(csv: Path, metric: EpochMetric) -> bool:
    """Whether results.csv has the metric's columns, or is still to be begun."""
    if not csv.exists():
        return True
    with csv.open(encoding="utf-8") as file:
        header = [name.strip() for name in file.readline().split(",")]
    return set(metric.undefined) <= set(header)


class ValidationBoxes:
    """The boxes of one validation, image by image.

    Attributes:
        images: File of the image -> its height and width, and rows of left, top, right, bottom, score, class in
            its pixels, shape (n, 6), float32.
        failed: Whether a step has failed; the metric is then left out.
    """

    def __init__(self, validator: Any, metric: EpochMetric) -> None:
        self.validator, self.metric = validator, metric
        self.images: dict[str, tuple[tuple[int, int], Array]] = {}
        self.failed = False

    def around_update_metrics(self, stock: Callable[..., None]) -> Callable[..., None]:
        """Keep the boxes of a batch, before the stock method reads them."""

        def update_metrics(preds: Any, batch: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            self.attempt(lambda: self.collect(preds, batch))
            stock(preds, batch, *args, **kwargs)

        return update_metrics

    def around_gather_stats(self, stock: Callable[..., None]) -> Callable[..., None]:
        """Bring the boxes of all processes to the first one."""

        def gather_stats(*args: Any, **kwargs: Any) -> None:
            stock(*args, **kwargs)
            self.gather()

        return gather_stats

    def around_get_stats(self, stock: Callable[..., Values]) -> Callable[..., Values]:
        """Add the metric to those of the epoch."""

        def get_stats(*args: Any, **kwargs: Any) -> Values:
            stats = stock(*args, **kwargs)
            return {**stats, **(self.attempt(self.measure) or self.metric.undefined)}

        return get_stats

    def attempt(self, step: Callable[[], Any]) -> Any:
        """Run a step; a failure is told once and never stops a training."""
        if self.failed:
            return None
        try:
            return step()
        except Exception as error:
            self.failed = True
            warn(f"{self.metric.name} is not available in this run: {type(error).__name__}: {error}")
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

    def measure(self) -> Values:
        """The metric's value on what was collected."""
        labels = [label for label in self.validator.dataloader.dataset.labels if str(label["im_file"]) in self.images]
        files = tuple(str(label["im_file"]) for label in labels)
        sizes = np.array([self.images[file][0][::-1] for file in files], dtype=np.int64).reshape(-1, 2)
        validation = Validation(
            files=files,
            sizes=sizes,
            labels=[in_pixels(label, size) for label, size in zip(labels, sizes, strict=True)],
            found=[self.images[file][1].astype(np.float64) for file in files],
            names=dict(self.validator.names),
            max_det=int(self.validator.args.max_det),
            data=str(getattr(self.validator.args, "data", None) or ""),
            split=str(getattr(self.validator.args, "split", None) or "val"),
            is_last=not getattr(self.validator, "training", True),
        )
        return self.metric.measure(validation)


def as_rows(pred: Any) -> Array:
    """One image's boxes as a table: from a tensor of rows (up to 8.3.1xx) or a dictionary of columns."""
    import torch

    if isinstance(pred, dict):
        pred = torch.cat([pred["bboxes"], pred["conf"][:, None], pred["cls"][:, None]], dim=1)
    rows: Array = pred[:, :6].detach().float().cpu().numpy().copy()
    return rows


def in_pixels(label: dict[str, Any], size: Array) -> Array:
    """Objects of one image, as Ultralytics' datasets keep them (centre and sides as shares of the image).

    Returns:
        Left, top, width, height and class, shape (n, 5), float64.
    """
    boxes = label["bboxes"].reshape(-1, 4).astype(np.float64) * np.tile(size, 2)
    boxes[:, :2] -= boxes[:, 2:] / 2
    return np.column_stack([boxes, label["cls"].reshape(-1)])


def to_original(boxes: Array, network: tuple[int, ...], original: tuple[int, int], ratio_pad: Any) -> Array:
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
    clipped: Array = moved.clip(0, [original[1], original[0], original[1], original[0]])
    return clipped
