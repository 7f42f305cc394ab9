# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much boxes (left, top, width, height; continuous coordinates) share, for the list of misses."""

from __future__ import annotations

import numpy as np


def intersections(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shared area of every pair, shape (len(a), len(b)), square pixels."""
    sides = [
        np.minimum(a[:, None, i] + a[:, None, i + 2], b[None, :, i] + b[None, :, i + 2])
        - np.maximum(a[:, None, i], b[None, :, i])
        for i in (0, 1)
    ]
    return np.clip(sides[0], 0, None) * np.clip(sides[1], 0, None)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair, shape (len(a), len(b)); 0 where both boxes are empty."""
    shared = intersections(a, b)
    union = (a[:, 2] * a[:, 3])[:, None] + (b[:, 2] * b[:, 3])[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def covered(boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Share of every box that the union of the regions covers, shape (len(boxes),), 0 to 1.

    The regions' edges cut the plane into a grid whose cells are inside or outside as a whole; a box's covered area is
    the sum of what it shares with the inside cells.
    """
    if not len(regions) or not len(boxes):
        return np.zeros(len(boxes))
    x = np.unique([regions[:, 0], regions[:, 0] + regions[:, 2]])
    y = np.unique([regions[:, 1], regions[:, 1] + regions[:, 3]])
    middle_x, middle_y = (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2
    in_x = (middle_x >= regions[:, :1]) & (middle_x < regions[:, :1] + regions[:, 2:3])
    in_y = (middle_y >= regions[:, 1:2]) & (middle_y < regions[:, 1:2] + regions[:, 3:4])
    inside = (in_x[:, :, None] & in_y[:, None, :]).any(0).astype(float)
    shared = np.einsum(
        "bx,xy,by->b", _lengths(boxes[:, 0], boxes[:, 2], x), inside, _lengths(boxes[:, 1], boxes[:, 3], y)
    )
    area = boxes[:, 2] * boxes[:, 3]
    return np.divide(shared, area, out=np.zeros(len(boxes)), where=area > 0)


def _lengths(start: np.ndarray, length: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """What each interval shares with each of the stretches between ``edges``."""
    end = np.minimum((start + length)[:, None], edges[None, 1:])
    return np.clip(end - np.maximum(start[:, None], edges[None, :-1]), 0, None)
