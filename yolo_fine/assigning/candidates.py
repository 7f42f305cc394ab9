# SPDX-License-Identifier: AGPL-3.0-or-later
"""How many anchors lie in each object, counted by intervals: no anchor is made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yolo_fine.assigning.rules import Rule
from yolo_fine.utils.arrays import Array

LABEL_PRECISION = 1e-6  # of YOLO labels, in shares of the image
EDGE = 1e-6  # pixels: an anchor nearer to the edge than this lies on it, and outside


def letterboxed(boxes: Array, sizes: Array, imgsz: int) -> Array:
    """Boxes as training sees them without augmentation: the image's longer side is ``imgsz``, the image is centred.

    Labels of six digits are rounded by up to a thousandth of a pixel. A box that lies on whole pixels within that
    rounding is put back on them, so that the result does not depend on the format of the annotations.

    Args:
        boxes: Left, top, width, height in pixels of the images, shape (objects, 4).
        sizes: Width and height of each object's image, shape (objects, 2).
        imgsz: Side of the network's input.

    Returns:
        Centre and sides in pixels of the network's input, shape (objects, 4).
    """
    whole = np.round(boxes)
    is_whole = (np.abs(boxes - whole) <= 1.5 * LABEL_PRECISION * np.tile(sizes, 2)).all(axis=1, keepdims=True)
    boxes = np.where(is_whole, whole, boxes)
    ratio = imgsz / sizes.max(axis=1, keepdims=True)
    resized = np.minimum(np.ceil(sizes * ratio - EDGE), imgsz)  # whole pixels, as Ultralytics resizes
    scale = resized / sizes
    offset = np.round((imgsz - resized) / 2 - 0.1)
    centre = (boxes[:, :2] + boxes[:, 2:] / 2) * scale + offset
    return np.concatenate([centre, boxes[:, 2:] * scale], axis=1)


def spans(boxes: Array, rule: Rule, strides: Sequence[float], imgsz: int) -> Array:
    """First and last anchor, along both axes, whose centre lies inside each object.

    Anchor i of a level of stride s has its centre at (i + 0.5) s; on the edge of a box it lies outside.

    Args:
        boxes: Centre and sides, shape (objects, 4).
        rule: How small sides count.
        strides: Of the levels.
        imgsz: Side of the network's input.

    Returns:
        Shape (objects, levels, 2 axes, 2): first and last index; last < first where there is none.
    """
    half = rule.enlarge(boxes[:, 2:]) / 2
    low, high = (boxes[:, :2] - half)[:, None], (boxes[:, :2] + half)[:, None]
    stride = np.asarray(strides, dtype=np.float64)[None, :, None]
    cells = np.ceil(imgsz / stride)
    first = np.maximum(np.floor((low + EDGE) / stride - 0.5) + 1, 0)
    last = np.minimum(np.ceil((high - EDGE) / stride - 0.5) - 1, cells - 1)
    return np.stack([first, last], axis=-1).astype(np.int64)


def count_candidates(found: Array) -> Array:
    """Candidates of each object by level, shape (objects, levels), from :func:`spans`."""
    per_axis = np.maximum(found[..., 1] - found[..., 0] + 1, 0)
    counts: Array = per_axis[..., 0] * per_axis[..., 1]
    return counts


def contested(found: Array, image: Array, strides: Sequence[float], imgsz: int) -> Array:
    """Objects that have candidates, all of which are candidates of another object of the image too.

    Args:
        found: From :func:`spans`, shape (objects, levels, 2, 2).
        image: Index of each object's image, shape (objects,), ascending.
        strides: Of the levels.
        imgsz: Side of the network's input.

    Returns:
        Shape (objects,), bool.
    """
    counts = count_candidates(found)
    own = np.zeros(len(found), dtype=np.int64)
    starts = np.flatnonzero(np.diff(image, prepend=-1, append=image[-1] + 1 if len(image) else 0))
    for begin, end in zip(starts, [*starts[1:], len(found)], strict=True):
        for level, stride in enumerate(strides):
            rows = slice(begin, end)
            own[rows] += _cells_of_one(found[rows, level], counts[rows, level] > 0, int(np.ceil(imgsz / stride)))
    total = counts.sum(axis=1)
    result: Array = (total > 0) & (own == 0)
    return result


def _cells_of_one(found: Array, has_any: Array, cells: int) -> Array:
    """How many cells of each rectangle belong to no other rectangle; shape (rectangles,).

    Args:
        found: First and last index along x and y, shape (rectangles, 2, 2).
        has_any: Which rectangles are not empty.
        cells: Cells a side of the map.
    """
    x1, x2 = found[:, 0, 0], found[:, 0, 1] + 1
    y1, y2 = found[:, 1, 0], found[:, 1, 1] + 1
    steps = np.zeros((cells + 1, cells + 1), dtype=np.int32)  # differences whose double sum is the number of rectangles
    for y, x, sign in ((y1, x1, 1), (y1, x2, -1), (y2, x1, -1), (y2, x2, 1)):
        np.add.at(steps, (y[has_any], x[has_any]), sign)
    covered_once = steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] == 1
    integral = np.zeros((cells + 1, cells + 1), dtype=np.int64)
    integral[1:, 1:] = covered_once.cumsum(axis=0).cumsum(axis=1)
    once = np.zeros(len(found), dtype=np.int64)
    x1, x2, y1, y2 = (side[has_any] for side in (x1, x2, y1, y2))
    once[has_any] = integral[y2, x2] - integral[y1, x2] - integral[y2, x1] + integral[y1, x1]
    return once
