# SPDX-License-Identifier: AGPL-3.0-or-later
"""What of an object is in a slice: how much of it, and its box, polygon and keypoints there."""

from __future__ import annotations

import numpy as np

from yolo_fine.formats.yolo_shapes import Shape
from yolo_fine.utils.arrays import Array

INSIDE = 1 - 1e-9  # share from which an object counts as whole


def clip_boxes(boxes: Array, place: Array) -> tuple[Array, Array]:
    """Boxes cut to a rectangle.

    Args:
        boxes: Left, top, width, height, shape (n, 4).
        place: Left, top, right, bottom.

    Returns:
        The cut boxes in the same form and coordinates, with sides of 0 where nothing is left, and the share of each
        box's area that is left (0 for a box without area), shape (n,).
    """
    low = np.maximum(boxes[:, :2], place[:2])
    sides = np.maximum(np.minimum(boxes[:, :2] + boxes[:, 2:], place[2:]) - low, 0)
    area = boxes[:, 2] * boxes[:, 3]
    share = np.divide(sides[:, 0] * sides[:, 1], area, out=np.zeros(len(boxes)), where=area > 0)
    return np.concatenate([low, sides], axis=1), share


def clip_polygon(points: Array, place: Array) -> Array:
    """A polygon cut to a rectangle, edge by edge (Sutherland and Hodgman, 1974).

    Where a concave polygon falls into parts, they stay joined by lines along the border, which have no area.

    Args:
        points: Shape (n, 2).
        place: Left, top, right, bottom.

    Returns:
        Shape (m, 2); (0, 2) if nothing is left.
    """
    for axis in (0, 1):
        for limit, sign in ((place[axis], 1), (place[axis + 2], -1)):
            distance = sign * (points[:, axis] - limit)  # not negative inside
            kept: list[Array] = []
            for i in range(len(points)):
                here, there = distance[i - 1], distance[i]
                if (here < 0) != (there < 0):
                    kept.append(points[i - 1] + (points[i] - points[i - 1]) * (here / (here - there)))
                if there >= 0:
                    kept.append(points[i])
            points = np.array(kept).reshape(-1, 2)
    if not len(points):
        return points
    moved = np.abs(points - np.roll(points, 1, axis=0)).max(axis=1) > 0
    result: Array = points[moved]
    return result


def polygon_area(points: Array) -> float:
    """Area of a polygon, shape (n, 2)."""
    x, y = points[:, 0], points[:, 1]
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def box_around(points: Array) -> Array:
    """Left, top, width, height of the box around points, shape (n, 2)."""
    low = points.min(axis=0)
    return np.concatenate([low, points.max(axis=0) - low])


def clip_shape(shape: Shape, place: Array) -> tuple[Shape, Array | None, float | None]:
    """A shape in pixels of the image, cut to a slice.

    Keypoints outside are hidden: 0, 0 and not labelled, as Ultralytics writes one that is not in the image.

    Args:
        shape: In pixels of the image.
        place: Left, top, right, bottom of the slice.

    Returns:
        The shape in pixels of the image, the box around a polygon that is cut, and the share of its area that is left;
        both None where the object's box decides.
    """
    if shape.keypoints is not None:
        points = shape.keypoints.copy()
        inside = ((points[:, :2] >= place[:2]) & (points[:, :2] <= place[2:])).all(axis=1)
        points[~inside] = np.nan
        return Shape(keypoints=points), None, None
    assert shape.polygon is not None
    left = clip_polygon(shape.polygon, place)
    area = polygon_area(shape.polygon)
    if len(left) < 3 or not area:
        return Shape(polygon=np.zeros((0, 2))), np.zeros(4), 0.0
    return Shape(polygon=left), box_around(left), polygon_area(left) / area


def to_shares(shape: Shape, place: Array) -> Shape:
    """A shape in pixels of the image as shares of a slice."""
    corner, sides = place[:2], place[2:] - place[:2]
    if shape.polygon is not None:
        return Shape(polygon=np.clip((shape.polygon - corner) / sides, 0, 1))
    assert shape.keypoints is not None
    points = shape.keypoints.copy()
    points[:, :2] = np.clip((points[:, :2] - corner) / sides, 0, 1)
    return Shape(keypoints=np.nan_to_num(points, nan=0.0))


def to_pixels(shape: Shape | None, size: Array) -> Shape | None:
    """A shape as shares of an image in its pixels; ``size`` is width and height. Unlabelled keypoints stay outside."""
    if shape is None:
        return None
    if shape.polygon is not None:
        return Shape(polygon=shape.polygon * size)
    assert shape.keypoints is not None
    points = shape.keypoints.copy()
    points[:, :2] = np.where(points[:, 2:] > 0, points[:, :2] * size, -1.0)
    return Shape(keypoints=points)
