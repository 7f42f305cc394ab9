# SPDX-License-Identifier: AGPL-3.0-or-later
"""One image with the small objects that a detector found and those that it missed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from yolo_fine.evaluation.report.matching import judge
from yolo_fine.evaluation.sizes import KNOWN_BINS
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.integration.datasets import read_pixels
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.files import finished_file

CONFIDENCE = 0.25
SIDE = 1024  # pixels of the picture's longer side, at least
FOUND, MISSED, LARGER = (80, 200, 60), (60, 60, 235), (170, 170, 170)  # blue, green, red
BAND = 34


def draw_small_objects(file: Path, truth: GroundTruth, detections: Detections) -> tuple[int, int]:
    """Draw the image with the most small objects, and which of them a detector found.

    Small is COCO's small: up to 32 x 32 pixels. Found is what a box of the same class with a confidence of 0.25 or more
    overlaps by IoU 0.5 or more.

    Args:
        file: The picture to write.
        truth: The annotated objects; their images are at hand.
        detections: The detector's boxes on them.

    Returns:
        How many small objects of that image were found, and how many were missed.
    """
    judged = judge(truth, detections)
    is_small = judged.objects & (np.sqrt(truth.area) <= KNOWN_BINS["coco"][0].max_side)
    chosen = int(np.argmax(np.bincount(truth.image[is_small], minlength=len(truth.names))))
    found = np.zeros(len(truth), dtype=bool)
    sure = (detections.score >= CONFIDENCE) & (judged.match >= 0)
    found[judged.match[sure]] = True
    here = (truth.image == chosen) & judged.objects
    assert truth.files is not None
    image = read_pixels(truth.files[chosen])
    factor = max(1, -(-SIDE // max(image.shape[:2])))
    picture = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    for some, colour, thick in ((here & ~is_small, LARGER, 1), (here & is_small & found, FOUND, 2),
                                (here & is_small & ~found, MISSED, 2)):  # fmt: skip
        _frame(picture, truth.boxes[some] * factor, colour, thick)
    small = here & is_small
    counts = int((small & found).sum()), int((small & ~found).sum())
    legend = [
        (f"small objects found: {counts[0]}", FOUND),
        (f"missed: {counts[1]}", MISSED),
        ("larger objects", LARGER),
    ]
    with finished_file(file) as part:
        cv2.imwrite(str(part), np.vstack([picture, _band(picture.shape[1], legend)]))
    return counts


def _frame(picture: Array, boxes: Array, colour: tuple[int, int, int], thick: int) -> None:
    for left, top, width, height in np.round(boxes).astype(int).tolist():
        cv2.rectangle(picture, (left - 2, top - 2), (left + width + 2, top + height + 2), (25, 25, 25), thick + 2)
        cv2.rectangle(picture, (left - 2, top - 2), (left + width + 2, top + height + 2), colour, thick, cv2.LINE_AA)


def _band(width: int, legend: list[tuple[str, tuple[int, int, int]]]) -> Array:
    """A dark strip with coloured texts, shape (BAND, width, 3)."""
    band = np.full((BAND, width, 3), 25, np.uint8)
    at = 12
    for text, colour in legend:
        cv2.putText(band, text, (at, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 1, cv2.LINE_AA)
        at += cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1)[0][0] + 28
    return band
