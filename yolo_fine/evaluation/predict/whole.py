# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model's boxes on the images of a ground truth, by ``YOLO.predict``.

By default these are the boxes that a user of the model gets, where a candidate box has one class, its best. ``yolo
val`` counts a candidate under every class above ``conf``, and gets a higher AP by it; ``multi_label=True`` does so too.

Images are letterboxed to the smallest rectangle of whole strides, as ``yolo predict`` does for one image. Batches
hold images of one size, so this is true for any ``batch``: the boxes don't depend on which images share a batch.
``yolo val`` adds up to a stride of padding to its rectangles. With ``multi_label=True, rect=False`` the boxes are those
of ``yolo val rect=False``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.classes import left_out, match_classes
from yolo_fine.evaluation.predict.bands import check_bands
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.integration import prediction
from yolo_fine.integration.datasets import read_pixels
from yolo_fine.utils.arrays import Array

if TYPE_CHECKING:
    from ultralytics import YOLO

Progress = Callable[[int, int], None]
TASKS = ("detect", "segment", "pose")  # those with upright boxes
BUILT_IN_LIMIT = 300  # detections an image that end-to-end heads and RT-DETR's queries give


@dataclass(frozen=True)
class Predictions:
    """Boxes and how long they took.

    Attributes:
        detections: By falling score within an image.
        speed: Milliseconds an image, without reading the file: ``preprocess inference postprocess total``, and for
            sliced inference ``slicing merge`` too. The first batch, which warms up, is left out where there are more.
        notes: What a reader of the metrics should know, in sentences.
        counts: Detections of each call of the model; none where they come from a file.
    """

    detections: Detections
    speed: dict[str, float]
    notes: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass
class Collector:
    """Gathers the boxes and times of single images, in any order."""

    truth: GroundTruth
    boxes: dict[int, Array] = field(default_factory=dict)
    times: list[dict[str, float]] = field(default_factory=list)

    def add(self, image: int, rows: Array, times: dict[str, float]) -> None:
        """Take the boxes of one image: left, top, right, bottom, score, category; shape (n, 6), float64."""
        self.boxes[image] = rows[np.argsort(-rows[:, 4], kind="stable")]
        self.times.append(times)

    def detections(self) -> Detections:
        """All boxes in the order of the images."""
        order = sorted(self.boxes)
        rows = np.concatenate([self.boxes[image] for image in order]) if order else np.zeros((0, 6))
        return Detections(
            image=np.repeat(np.array(order, dtype=np.int64), [len(self.boxes[image]) for image in order]),
            boxes=np.column_stack([rows[:, :2], rows[:, 2:4] - rows[:, :2]]),
            category=rows[:, 5].astype(np.int64),
            score=rows[:, 4].copy(),
        )

    def speed(self, warm_up: int) -> dict[str, float]:
        """Mean milliseconds an image by stage, and their sum; the first ``warm_up`` are left out if more follow."""
        times = self.times[warm_up:] or self.times
        means = {stage: float(np.mean([time[stage] for time in times])) for stage in times[0]} if times else {}
        return {**means, "total": sum(means.values())} if means else {}


def predict_whole(
    model: YOLO,
    truth: GroundTruth,
    *,
    imgsz: int = 640,
    conf: float = 0.001,
    iou: float = 0.7,
    max_det: int = 500,
    batch: int = 1,
    device: str | int | None = None,
    half: bool = False,
    multi_label: bool = False,
    rect: bool = True,
    allow_missing: bool = False,
    progress: Progress | None = None,
) -> Predictions:
    """Run a model on whole images. Memory holds one batch of images and the boxes.

    Args:
        model: An ``ultralytics.YOLO`` or ``RTDETR``, also of an exported file.
        truth: The images (``files``) and the classes.
        imgsz: Longer side of the network's input, in pixels.
        conf: Lowest score kept.
        iou: IoU at which non-maximum suppression takes two boxes for one.
        max_det: Most detections kept in an image. The notes say if the model has a smaller limit built in.
        batch: Images of one size that go through the network at once.
        device: As in Ultralytics: ``"cpu"``, ``0``.
        half: Half precision, on a GPU.
        multi_label: Count a candidate box under every class above ``conf``, as ``yolo val`` does. End-to-end heads and
            RT-DETR do so by themselves, and are not affected.
        rect: Pad to the smallest rectangle of whole strides; False pads to a square. Exported models without dynamic
            shapes always see a square.
        allow_missing: Accept classes of the ground truth that the model doesn't know.
        progress: Called with the numbers of finished and of all images.

    Raises:
        ArgumentError: An argument is out of range, or the model has no upright boxes.
        DataError: The class lists don't match, or an image is missing, unreadable or not of the annotated size.
    """
    check_arguments(model, conf=conf, iou=iou, imgsz=imgsz, max_det=max_det, batch=batch)
    check_bands(model, truth)
    categories = match_classes(model.names, truth.classes, allow_missing=allow_missing)
    options = predict_options(
        model, categories, imgsz=imgsz, conf=conf, iou=iou, max_det=max_det, device=device, half=half,
        multi_label=multi_label, rect=rect,
    )  # fmt: skip
    prediction.forget_predictor(model)
    collected = Collector(truth)
    for images in batches_of_one_size(truth, batch):
        results = model.predict([read_image(truth, image) for image in images], batch=len(images), **options)
        for image, result in zip(images, results, strict=True):
            collected.add(image, rows_of(result, categories), dict(result.speed))
        if progress is not None:
            progress(len(collected.boxes), len(truth.names))
    counts = [len(rows) for rows in collected.boxes.values()]
    notes = notes_on(model, categories, counts, max_det)
    return Predictions(collected.detections(), collected.speed(warm_up=batch), notes, tuple(counts))


def check_arguments(model: YOLO, *, conf: float, iou: float, **counts: int) -> None:
    """Check what Ultralytics would stumble over late, or not at all.

    Raises:
        ArgumentError: A value is out of range, or the model's task has no upright boxes.
    """
    if model.task not in TASKS:
        raise ArgumentError(f"a model for the task '{model.task}' has no upright boxes; tasks are {', '.join(TASKS)}")
    for name, value in (("conf", conf), ("iou", iou)):
        if not 0 <= value <= 1:
            raise ArgumentError(f"{name}={value}: expected a number from 0 to 1")
    for name, value in counts.items():
        if value < 1:
            raise ArgumentError(f"{name}={value}: expected a whole number from 1 on")


def predict_options(
    model: YOLO,
    categories: dict[int, int],
    *,
    imgsz: int,
    conf: float,
    iou: float,
    max_det: int,
    device: str | int | None,
    half: bool,
    multi_label: bool,
    rect: bool,
) -> dict[str, Any]:
    """Keyword arguments for ``YOLO.predict``; classes that take no part are left out before ``max_det`` is applied."""
    options: dict[str, Any] = {
        "imgsz": imgsz, "conf": conf, "iou": iou, "max_det": max_det, "device": device, "rect": rect,
        "verbose": False, "save": False, "agnostic_nms": False, "augment": False,
        "classes": sorted(categories) if len(categories) < len(model.names) else None,
    }  # fmt: skip
    if half:
        options["half"] = True  # newer releases warn at the word alone
    if multi_label:
        options["predictor"] = prediction.several_classes(model, options)
    return options


def batches_of_one_size(truth: GroundTruth, batch: int) -> Iterator[list[int]]:
    """Indices of images in batches of equal width and height; in the given order if ``batch`` is 1.

    Raises:
        DataError: The ground truth has no image files.
    """
    if truth.files is None:
        raise DataError("the ground truth names no image files, so a model can't be run on them")
    order = list(range(len(truth.names)))
    if batch > 1:
        order.sort(key=lambda image: (tuple(truth.sizes[image]), image))
    for _, group in groupby(order, key=lambda image: tuple(truth.sizes[image])):
        same = list(group)
        for start in range(0, len(same), batch):
            yield same[start : start + batch]


def read_image(truth: GroundTruth, image: int) -> Array:
    """One image as Ultralytics reads it, turned as EXIF says: BGR if it has three bands; (height, width, bands), uint8.

    Raises:
        DataError: It is missing, unreadable or not of the annotated size.
    """
    assert truth.files is not None  # batches_of_one_size has checked
    file = truth.files[image]
    pixels = read_pixels(file, truth.channels)
    width, height = truth.sizes[image]
    if pixels.shape[:2] != (height, width):
        raise DataError(
            f"{file} is {pixels.shape[1]}x{pixels.shape[0]} pixels, the ground truth says {width}x{height}; "
            "its boxes would be in the wrong places"
        )
    return pixels


def rows_of(result: Any, categories: dict[int, int]) -> Array:
    """Boxes of one Ultralytics result: left, top, right, bottom, score, category; shape (n, 6), float64."""
    data = prediction.rows_of(result)
    data[:, 5] = [categories.get(int(index), -1) for index in data[:, 5]]
    return data[data[:, 5] >= 0]


def notes_on(model: YOLO, categories: dict[int, int], counts: Sequence[int], max_det: int) -> tuple[str, ...]:
    """What a reader should know: classes left out, and a limit on detections that is the model's own."""
    notes = [left_out(model.names, categories), note_on_limit(counts, max_det)]
    return tuple(note for note in notes if note)


def note_on_limit(counts: Sequence[int], max_det: int) -> str:
    """What to know about a limit built into the head, which these counts of detections reach; empty if they don't."""
    if max_det <= BUILT_IN_LIMIT or max(counts, default=0) != BUILT_IN_LIMIT:
        return ""
    times = counts.count(BUILT_IN_LIMIT)
    return (
        f"the model gives at most {BUILT_IN_LIMIT} detections an image (a limit built into its head), which "
        f"{times} of {len(counts)} images reached; max_det={max_det} has no effect beyond that"
    )
