# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an evaluation works on: the annotated objects of a set of images, and a detector's boxes on them.

Both are columns (NumPy arrays) with one entry per box; ``image`` is the index into :attr:`GroundTruth.names`. Readers
of every file format end here, and every protocol starts here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.utils.arrays import Array


@dataclass(frozen=True)
class GroundTruth:
    """The annotated objects of a set of images.

    Attributes:
        names: Image names without suffix, relative to the image folder, in evaluation order; unique.
        sizes: Width and height in pixels, shape (images, 2), int64.
        classes: The evaluated categories, number -> name. Objects of other categories stay in the columns (VisDrone's
            0 = ignored region and 11 = others), for protocols that give them a meaning.
        image: Index of the image, shape (objects,), int64, ascending.
        boxes: Left, top, width, height in pixels, shape (objects, 4), float64.
        category: Category number, shape (objects,), int64.
        area: Area in square pixels that decides the size bin, shape (objects,), float64: that of the box, or COCO's
            ``area`` of the segmentation where the file states it.
        crowd: Whether the object can take any number of detections and counts for none, shape (objects,), bool (COCO's
            ``iscrowd``, VisDrone's score 0).
        files: The images themselves, where they are at hand; in the order of ``names``.
        channels: Their bands.
        notes: What a reader of the metrics should know about how the objects were read, in sentences.
    """

    names: tuple[str, ...]
    sizes: Array
    classes: dict[int, str]
    image: Array
    boxes: Array
    category: Array
    area: Array
    crowd: Array
    files: tuple[Path, ...] | None = None
    channels: int = 3
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the columns belong together.

        Raises:
            DataError: They don't.
        """
        check_columns("ground truth", self.image, self.boxes, self.category, self.area, self.crowd)
        if self.sizes.shape != (len(self.names), 2):
            raise DataError(f"ground truth: {len(self.names)} images, but sizes of shape {self.sizes.shape}")
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise DataError(f"ground truth: two images are named '{twice}'")
        if self.files is not None and len(self.files) != len(self.names):
            raise DataError(f"ground truth: {len(self.names)} images, but {len(self.files)} files")

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True)
class Detections:
    """A detector's boxes, in the order of its files (VisDrone's limit on detections keeps that order).

    Attributes:
        image: Index into the ground truth's ``names``, shape (detections,), int64, ascending.
        boxes: Left, top, width, height in pixels, shape (detections, 4), float64.
        category: Category number as in the ground truth's ``classes``, shape (detections,), int64. Others may occur.
        score: Confidence, shape (detections,), float64, finite.
        notes: What a reader of the metrics should know about how they were read, in sentences.
    """

    image: Array
    boxes: Array
    category: Array
    score: Array
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the columns belong together.

        Raises:
            DataError: They don't.
        """
        check_columns("detections", self.image, self.boxes, self.category, self.score)

    def __len__(self) -> int:
        return len(self.image)


def check_columns(what: str, image: Array, boxes: Array, *others: Array) -> None:
    """Check lengths, the shape of the boxes, and the order of images.

    Raises:
        DataError: Lengths differ, boxes are not (n, 4), or images are not in ascending order.
    """
    if boxes.shape != (len(image), 4):
        raise DataError(f"{what}: {len(image)} rows, but boxes of shape {boxes.shape}; expected ({len(image)}, 4)")
    for column in others:
        if column.shape != image.shape:
            raise DataError(f"{what}: columns of different lengths, {len(image)} and {len(column)}")
    if np.any(np.diff(image) < 0):
        raise DataError(f"{what}: rows are not in the order of the images")
