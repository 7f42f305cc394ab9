# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much boxes (left, top, width, height; continuous coordinates) overlap."""

from __future__ import annotations

import numpy as np

from yolo_fine.utils.arrays import Array


def intersections(a: Array, b: Array) -> Array:
    """Shared area of every pair, shape (len(a), len(b)), square pixels."""
    end_a, end_b = a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]
    width, height = (
        np.minimum(end_a[:, None, i], end_b[None, :, i]) - np.maximum(a[:, None, i], b[None, :, i]) for i in (0, 1)
    )
    shared: Array = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def iou(a: Array, b: Array) -> Array:
    """Intersection over union of every pair, shape (len(a), len(b)); 0 where both boxes are empty."""
    shared = intersections(a, b)
    union = (a[:, 2] * a[:, 3])[:, None] + (b[:, 2] * b[:, 3])[None, :] - shared
    overlap: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def covered(boxes: Array, regions: Array) -> Array:
    """Share of every box that the union of the regions covers, shape (len(boxes),), 0 to 1.

    The regions' edges cut the plane into a grid whose cells are inside or outside as a whole; a box's covered area is
    the sum of what it shares with the inside cells.
    """
    if not len(regions) or not len(boxes):
        return np.zeros(len(boxes))
    edges = [np.unique([regions[:, i], regions[:, i] + regions[:, i + 2]]) for i in (0, 1)]
    in_x, in_y = (
        (middle >= regions[:, [i]]) & (middle < regions[:, [i]] + regions[:, [i + 2]])
        for i, middle in enumerate((edge[1:] + edge[:-1]) / 2 for edge in edges)
    )
    inside = (in_x[:, :, None] & in_y[:, None, :]).any(0).astype(float)
    along_x, along_y = (lengths(boxes[:, i], boxes[:, i] + boxes[:, i + 2], edge) for i, edge in enumerate(edges))
    shared = ((along_x @ inside) * along_y).sum(axis=1)
    area = boxes[:, 2] * boxes[:, 3]
    share: Array = np.divide(shared, area, out=np.zeros(len(boxes)), where=area > 0)
    return share


def lengths(start: Array, end: Array, edges: Array) -> Array:
    """Length that each span shares with each interval between neighbouring edges, shape (spans, edges - 1)."""
    shared: Array = np.minimum(end[:, None], edges[None, 1:]) - np.maximum(start[:, None], edges[None, :-1])
    return np.maximum(shared, 0)
