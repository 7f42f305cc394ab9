# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the lines of YOLO label files hold beyond a box: the points of a polygon, or keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_fine.formats.yolo_labels import BOX, Labels
from yolo_fine.formats.yolo_layout import read_text
from yolo_fine.utils.arrays import Array


@dataclass(frozen=True)
class Shape:
    """One of both; a plain box is None instead.

    Attributes:
        polygon: Points x, y as shares of the image, shape (points, 2).
        keypoints: The numbers x, y, and visibility, shape (points, 2 or 3).
    """

    polygon: Array | None = None
    keypoints: Array | None = None


def read_shapes(file: Path, labels: Labels, keypoint_shape: Sequence[int]) -> list[Shape | None]:
    """The shape of each row of ``labels``.

    Args:
        file: The file that :func:`yolo_fine.formats.yolo_labels.read_labels` has read.
        labels: What it found.
        keypoint_shape: Number of keypoints and of numbers of each, as the YAML's ``kpt_shape``; zeros for none.
    """
    lines = read_text(file).splitlines()
    found: list[Shape | None] = []
    for line in labels.lines.tolist():
        numbers = np.array(lines[line - 1].split(), dtype=np.float64)
        if len(numbers) == BOX:
            found.append(None)
        elif len(numbers) == BOX + keypoint_shape[0] * keypoint_shape[1]:
            found.append(Shape(keypoints=numbers[BOX:].reshape(keypoint_shape[0], keypoint_shape[1])))
        else:
            found.append(Shape(polygon=numbers[1:].reshape(-1, 2)))
    return found


def shape_line(category: int, box: Array, shape: Shape | None) -> str:
    """A line of a label file.

    Args:
        category: Class number, from 0.
        box: Centre x, centre y, width, height, as shares of the image, shape (4,).
        shape: What else the line holds.
    """
    if shape is None:
        numbers = [f"{value:.6f}" for value in box.tolist()]
    elif shape.polygon is not None:
        numbers = [f"{value:.6f}" for value in shape.polygon.ravel().tolist()]
    else:
        assert shape.keypoints is not None
        points = [
            f"{value:.0f}" if column == 2 else f"{value:.6f}"
            for point in shape.keypoints.tolist()
            for column, value in enumerate(point)
        ]
        numbers = [*(f"{value:.6f}" for value in box.tolist()), *points]
    return f"{category} {' '.join(numbers)}\n"
