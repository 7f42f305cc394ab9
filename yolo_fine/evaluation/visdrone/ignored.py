# SPDX-License-Identifier: AGPL-3.0-or-later
"""VisDrone's first step: boxes that lie in ignored regions by half or more are dropped, objects and detections alike.

The official tool paints the regions into an image-sized map and looks boxes up in its integral image. The same counts
of pixels come from a grid with one cell between neighbouring region borders, which is hundreds of times smaller. The
tool's pixel conventions are part of the protocol and are kept: regions have inclusive ends in 1-based coordinates, and
the row and the column of a box's own corner are not counted.
"""

from __future__ import annotations

import numpy as np

from yolo_fine.utils.arrays import Array
from yolo_fine.utils.boxes import lengths

LEAST_SHARE = 0.5  # covered by regions, from which a box is dropped


def outside_ignored(boxes: Array, regions: Array, size: Array) -> Array:
    """Which boxes of one image are kept.

    Args:
        boxes: Left, top, width, height in pixels, shape (n, 4).
        regions: The image's ignored regions, likewise, shape (r, 4), whole numbers.
        size: Width and height of the image in pixels, shape (2,).

    Returns:
        Whether the box is kept, shape (n,), bool.
    """
    if not len(regions) or not len(boxes):
        return np.ones(len(boxes), dtype=bool)
    # Matlab rounds halves away from zero; for negative values that makes no difference, they are raised to 1.
    whole = np.maximum(1, np.floor(boxes + 0.5))
    start, extent = np.minimum(size, whole[:, :2]), whole[:, 2:]
    end = np.minimum(size, start + extent)  # only the covered pixels are cut at the image's border, not the area
    kept: Array = _covered_pixels(start, end, regions, size) / extent.prod(axis=1) < LEAST_SHARE
    return kept


def _covered_pixels(start: Array, end: Array, regions: Array, size: Array) -> Array:
    """Pixels of each box that the union of the regions covers, shape (n,).

    Args:
        start: x and y of the boxes, shape (n, 2). Spans hold the 1-based pixels start + 1 .. end, here and below.
        end: Likewise.
        regions: Shape (r, 4).
        size: Width and height, shape (2,).
    """
    whole = np.maximum(1, regions)
    region_start, region_end = whole[:, :2] - 1, np.minimum(size, whole[:, :2] + whole[:, 2:])
    inside = (region_start < region_end).all(axis=1)
    region_start, region_end = region_start[inside], region_end[inside]
    column_edges, row_edges = (np.unique([region_start[:, axis], region_end[:, axis]]) for axis in (0, 1))

    cells = np.zeros((max(0, len(row_edges) - 1), max(0, len(column_edges) - 1)))
    for (left, top), (right, bottom) in zip(region_start, region_end, strict=True):
        rows, columns = np.searchsorted(row_edges, [top, bottom]), np.searchsorted(column_edges, [left, right])
        cells[slice(*rows), slice(*columns)] = 1

    box_columns = lengths(start[:, 0], end[:, 0], column_edges)
    box_rows = lengths(start[:, 1], end[:, 1], row_edges)
    pixels: Array = ((box_rows @ cells) * box_columns).sum(axis=1)
    return pixels
