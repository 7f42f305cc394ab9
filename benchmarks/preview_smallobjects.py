# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draws one image of the procedural set: ``python benchmarks/preview_smallobjects.py INDEX FILE.jpg``.

Boxes are coloured by class, with the names below the image; ignored regions are white.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from yolo_fine.smallobjects.dataset import make_image
from yolo_fine.smallobjects.objects import NAMES

COLOURS = ((60, 60, 255), (255, 160, 0), (0, 220, 255), (60, 220, 60), (255, 80, 255), (0, 140, 255))
LARGEST_FILE = 190_000  # bytes


def draw_preview(index: int, size: int = 1024) -> np.ndarray:
    """The val image ``index`` with boxes and a line of names: (size + 28, size, 3) uint8, blue-green-red."""
    image, annotations, regions = make_image("val", index, size=size)
    for annotation in annotations:
        cv2.rectangle(image, annotation.box[:2], annotation.box[2:], COLOURS[annotation.label], 1)
    for x1, y1, x2, y2 in regions:
        cv2.rectangle(image, (int(x1), int(y1)), (int(x2), int(y2)), (255, 255, 255), 2)
    legend = np.full((28, size, 3), 40, dtype=np.uint8)
    left = 10
    for name, colour in zip((*NAMES, "ignored region"), (*COLOURS, (255, 255, 255)), strict=True):
        cv2.putText(legend, name, (left, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
        left += cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)[0][0] + 18
    return np.concatenate([image, legend])


def main(arguments: list[str]) -> int:
    """Write a preview of at most ``LARGEST_FILE`` bytes; returns the exit status."""
    if len(arguments) != 2 or not arguments[0].isdigit() or not arguments[1].endswith(".jpg"):
        print("usage: python benchmarks/preview_smallobjects.py INDEX FILE.jpg", file=sys.stderr)
        return 2
    image = draw_preview(int(arguments[0]))
    for quality in range(90, 20, -5):
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        if len(encoded) <= LARGEST_FILE:
            break
    Path(arguments[1]).write_bytes(encoded.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
