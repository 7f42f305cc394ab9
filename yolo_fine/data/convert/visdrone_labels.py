# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the rows of VisDrone's annotation files become: counts of a split, and YOLO labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.formats.visdrone_rows import COLUMNS, IGNORED_REGION, OTHERS, Rows, is_evaluated
from yolo_fine.formats.yolo_labels import clip_far_boxes, label_text
from yolo_fine.utils.arrays import Array

SCORE, CATEGORY = COLUMNS.index("score"), COLUMNS.index("category")


@dataclass(frozen=True)
class Counts:
    """What the annotation files of a split hold.

    Attributes:
        images: Annotation files.
        objects: Rows of categories 1 to 10.
        ignored: Ignored regions.
        others: Rows of category 11.
        zero_size: Rows, of any category, whose box has no width or no height.
        labels: Rows that become YOLO labels.
        cut: Of these, and of those left out because they lie beyond the edge, boxes that were cut to the image.
    """

    images: int
    objects: int
    ignored: int
    others: int
    zero_size: int
    labels: int
    cut: int = 0


def count_rows(rows: Rows) -> Counts:
    """Count the rows of a split."""
    category = rows.category
    ignored, others = int((category == IGNORED_REGION).sum()), int((category == OTHERS).sum())
    return Counts(
        images=len(rows.places),
        objects=len(category) - ignored - others,
        ignored=ignored,
        others=others,
        zero_size=int((rows.boxes[:, 2:] == 0).any(axis=1).sum()),
        labels=int(is_label(rows.values).sum()),
    )


def is_label(values: Array) -> Array:
    """Which rows, shape (rows, 8), become YOLO labels: a class, a score other than 0, a box with an area."""
    has_area = values[:, 2:4].min(axis=1, initial=np.inf) > 0
    labels: Array = is_evaluated(values[:, CATEGORY]) & (values[:, SCORE] != 0) & has_area
    return labels


def labels_of(values: Array, width: int, height: int) -> tuple[str, int, int]:
    """The YOLO label file of an image.

    The class is the category less one; centre and size are shares of the image with six digits. These are the labels
    that Ultralytics' own VisDrone.yaml makes. Boxes are cut to the image only where Ultralytics would leave out the
    image because of them; one that lies wholly beyond the edge is left out.

    Args:
        values: The image's rows, shape (rows, 8).
        width: Of the image, in pixels.
        height: Of the image, in pixels.

    Returns:
        The text, its number of lines, and how many boxes were cut or left out.
    """
    values = values[is_label(values)]
    per_pixel = np.array([1.0 / width, 1.0 / height])
    sides = values[:, 2:4]
    shares = np.concatenate([(values[:, :2] + sides / 2) * per_pixel, sides * per_pixel], axis=1)
    shares, cut = clip_far_boxes(shares)
    kept = (shares[:, 2:].round(6) > 0).all(axis=1)
    category = values[kept, CATEGORY].astype(np.int64) - 1
    return label_text(category.tolist(), shares[kept]), int(kept.sum()), int(cut.sum())
