# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where slices lie in an image: the layout of SAHI, so that training and sliced prediction see the same cuts."""

from __future__ import annotations

import numpy as np

from yolo_fine.utils.arrays import Array


def lay_out(width: int, height: int, size: int, overlap: float) -> Array:
    """Overlapping squares that cover an image, row by row.

    The last one of a row or column is moved back into the image, so that every slice is whole. An image that is not
    longer than a slice along an axis is not cut along it.

    Args:
        width: Of the image in pixels.
        height: Of the image in pixels.
        size: Side of a slice in pixels.
        overlap: Share of a slice that the next one covers again, 0 to below 1.

    Returns:
        Left, top, right, bottom of each slice, shape (slices, 4), int64.
    """
    columns, rows = (_starts(length, size, overlap) for length in (width, height))
    return np.array(
        [(x, y, min(x + size, width), min(y + size, height)) for y in rows for x in columns], dtype=np.int64
    )


def _starts(length: int, size: int, overlap: float) -> list[int]:
    step = size - int(overlap * size)
    inside = list(range(0, max(length - size, 0), step))
    return [*inside, max(length - size, 0)]
