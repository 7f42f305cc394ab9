# SPDX-License-Identifier: AGPL-3.0-or-later
"""VisDrone's annotations in slices: objects with what is known of them, and ignored regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from yolo_fine.data.slice.clip import INSIDE, clip_boxes
from yolo_fine.errors import DataError
from yolo_fine.formats.beside import annotation_file
from yolo_fine.formats.visdrone_rows import (
    COLUMNS,
    IGNORED_REGION,
    is_evaluated,
    parse_annotations,
    read_files,
    row_text,
)
from yolo_fine.integration.datasets import is_turned
from yolo_fine.utils.arrays import Array

SCORE, CATEGORY, TRUNCATION = (COLUMNS.index(name) for name in ("score", "category", "truncation"))


@dataclass(frozen=True)
class Annotations:
    """The original annotations of images.

    Attributes:
        files: One an image.
        rows: The rows of each, shape (rows, 8), as :data:`yolo_fine.formats.visdrone_rows.COLUMNS`.
    """

    files: list[Path]
    rows: list[Array]


def read_beside(images: Sequence[Path]) -> Annotations | None:
    """The VisDrone annotations beside images, as ``yolo-fine data visdrone`` keeps them; None where there are none.

    Raises:
        DataError: Some images have none, one is broken, or an image is turned by its EXIF entry.
    """
    files = [annotation_file(image) for image in images]
    missing = [image for image, file in zip(images, files, strict=True) if not file.is_file()]
    if len(missing) == len(files):
        return None
    if missing:
        raise DataError(
            f"{len(missing)} of {len(files)} images have no original annotations, the first is {missing[0]}: "
            f"{annotation_file(missing[0])} does not exist; add them, or remove the folder to go by the labels alone"
        )
    for image in images:
        if is_turned(image):
            raise DataError(f"{image} is turned by its EXIF entry, but VisDrone's annotations are of the stored image")
    rows = parse_annotations(read_files(files), files)
    ends = np.searchsorted(rows.image, np.arange(len(files) + 1))
    return Annotations(files, [rows.values[a:b] for a, b in pairwise(ends.tolist())])


def ignored_boxes(rows: Array) -> Array:
    """Left, top, width, height of the ignored regions, shape (regions, 4)."""
    boxes: Array = rows[rows[:, CATEGORY] == IGNORED_REGION][:, :4]
    return boxes


def annotations_of_slice(rows: Array, place: Array, visible: float) -> str:
    """The annotation file of a slice.

    Objects that are not visible enough to be learnt become ignored regions, so that nobody counts them as missed or as
    false; objects that are cut are marked as truncated.

    Args:
        rows: Of the whole image, shape (rows, 8).
        place: Left, top, right, bottom of the slice.
        visible: Least share of an object that has to be in the slice.
    """
    boxes, share = clip_boxes(rows[:, :4], place)
    found = share > 0
    rows, boxes, share = rows[found].copy(), boxes[found], share[found]
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    is_object = is_evaluated(rows[:, CATEGORY]) & (rows[:, SCORE] != 0)
    fragment = is_object & (share < visible)
    is_region = fragment | (rows[:, CATEGORY] == IGNORED_REGION)
    low, high = np.where(is_region[:, None], np.floor(low), low), np.where(is_region[:, None], np.ceil(high), high)
    rows[:, :4] = np.concatenate([low - place[:2], high - low], axis=1)
    rows[is_object & (share < INSIDE), TRUNCATION] = 1
    rows[fragment, 4:] = 0
    rows[fragment, CATEGORY] = IGNORED_REGION
    return row_text([[int(value) if value == int(value) else value for value in row] for row in rows.tolist()])
