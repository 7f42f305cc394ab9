# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cuts what surrounds a miss out of its image, as a small JPEG."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_fine.evaluation.report.misses import Miss
from yolo_fine.utils.arrays import Array

CONTEXT = 3.0  # a crop is this many times as large as what it shows
SMALLEST = (96.0, 72.0)  # width and height in pixels of the image
LARGEST_WIDTH = 400  # pixels of the JPEG
LARGEST_BYTES = 45_000  # keeps the crops of a page of 60 below 4 MB
WHOLE_SIDE, WHOLE_BYTES, ALL_WHOLE_BYTES = 1280, 90_000, 2_400_000  # of whole images: one of them, and all


@dataclass(frozen=True)
class Crop:
    """A part of an image: left, top, width, height in its pixels; the JPEG is a data URI, None without an image."""

    left: float
    top: float
    width: float
    height: float
    jpeg: str | None


def cut(miss: Miss, image_size: Sequence[int], image: Array | None) -> Crop:
    """What surrounds a miss, 4:3 where the image has room."""
    boxes = [box for box in (miss.box, miss.partner_box) if box is not None]
    low = np.min([box[:2] for box in boxes], axis=0)
    high = np.max([box[:2] + box[2:] for box in boxes], axis=0)
    width, height = np.maximum(CONTEXT * (high - low), SMALLEST)
    width, height = max(width, height * 4 / 3), max(height, width * 3 / 4)
    size = np.minimum(np.round([width, height]), image_size)
    start = np.clip(np.round((low + high - size) / 2), 0, np.asarray(image_size) - size)
    (left, top), (width, height) = start.tolist(), size.tolist()
    jpeg = None
    if image is not None:
        jpeg = _encode(image[int(top) : int(top + height), int(left) : int(left + width)])
    return Crop(left, top, width, height, jpeg)


def read_image(file: Path, size: Sequence[int]) -> Array | None:
    """An image as BGR, turned to be of ``size`` (width, height) as the annotations are; None if it can't be had."""
    import cv2

    try:
        content = np.fromfile(file, np.uint8)
    except OSError:
        return None
    for mode in (cv2.IMREAD_COLOR, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
        image = cv2.imdecode(content, mode) if content.size else None
        if image is not None and image.shape[1::-1] == tuple(int(side) for side in size):
            return np.asarray(image)
    return None


def shrink(image: Array, images: int) -> str:
    """A whole image as a small JPEG, a data URI; the more images a page has, the smaller."""
    return _encode(image, WHOLE_SIDE, min(WHOLE_BYTES, ALL_WHOLE_BYTES // max(1, images)))


def _encode(part: Array, widest: int = LARGEST_WIDTH, largest: int = LARGEST_BYTES) -> str:
    import cv2

    height, width = part.shape[:2]
    if width > widest:
        part = cv2.resize(part, (widest, max(1, round(height * widest / width))), interpolation=cv2.INTER_AREA)
    for quality in (85, 70, 50, 30, 10):
        _, jpeg = cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(jpeg) <= largest:
            break
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode('ascii')}"
