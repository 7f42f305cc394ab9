# SPDX-License-Identifier: AGPL-3.0-or-later
"""What boxes look like if they are not left, top, width and height in pixels."""

from __future__ import annotations

from yolo_fine.utils.arrays import Array

READ_AS = "and were read as left, top, width, height in pixels"
LEAVE = 0.1  # share of boxes that would end beyond the image, from which they are corners
LONGER = 0.99  # share of boxes whose second pair of numbers is larger than the first, as corners' is


def form_of(boxes: Array, sizes: Array) -> str | None:
    """The other form that boxes seem to have, by their numbers alone.

    Args:
        boxes: Four numbers each, shape (boxes, 4).
        sizes: Width and height of each box's image, shape (boxes, 2).
    """
    if len(boxes) < 2:
        return None
    ends = boxes[:, :2] + boxes[:, 2:]
    if boxes.max() <= 1.5 and sizes.min() > 2:
        return "shares of the image"
    leave = (ends > sizes + 1).any(axis=1).mean()
    if leave > LEAVE and (boxes[:, 2:] > boxes[:, :2]).all(axis=1).mean() > LONGER:
        return f"corners x1, y1, x2, y2 ({leave:.0%} would leave the image)"
    return None
