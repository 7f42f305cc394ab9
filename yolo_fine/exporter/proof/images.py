# SPDX-License-Identifier: AGPL-3.0-or-later
"""Real images as a network's input: on noise no detector finds anything, and nothing would be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.integration.datasets import read_pixels
from yolo_fine.integration.exporter import sample_images
from yolo_fine.utils.arrays import Array

MOST = 16  # images taken from a folder
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
GREY = 114  # of the border, as in Ultralytics


@dataclass(frozen=True)
class Letterbox:
    """Where an image lies in the network's input.

    Attributes:
        pixels: Shape (3, height, width), float32, RGB, 0 to 1.
        scale: Pixels of the input per pixel of the image.
        left: Width of the border on the left, in pixels of the input.
        top: Height of the border at the top.
    """

    pixels: Array
    scale: float
    left: int
    top: int


def read_images(folder: Path | None) -> list[Array]:
    """Images of a folder, at most :data:`MOST`, evenly spaced by name; without one, those that Ultralytics ships.

    Returns:
        Arrays of shape (height, width, 3), uint8, BGR.

    Raises:
        MissingFileError: There is no such folder.
        DataError: It holds no images, or one can't be read.
    """
    if folder is None:
        files = sample_images()
    elif folder.is_dir():
        files = evenly_spaced(sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES))
    elif folder.is_file():
        files = [folder]
    else:
        raise MissingFileError(f"images={folder} does not exist; name a folder of images")
    if not files:
        raise DataError(f"images={folder}: no images in this folder ({', '.join(SUFFIXES)})")
    return [read_pixels(file) for file in files]


def evenly_spaced(files: Sequence[Path]) -> list[Path]:
    """At most :data:`MOST` of the files."""
    return [files[int(index)] for index in np.linspace(0, len(files) - 1, min(MOST, len(files)))]


def letterbox(image: Array, height: int, width: int) -> Letterbox:
    """Fit an image, (height, width, 3) uint8 BGR, into height x width between grey borders, as Ultralytics does."""
    import cv2

    tall, wide = image.shape[:2]
    scale = min(height / tall, width / wide)
    inner = (round(wide * scale), round(tall * scale))
    if (wide, tall) != inner:
        image = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    left, top = round((width - inner[0]) / 2 - 0.1), round((height - inner[1]) / 2 - 0.1)
    canvas = np.full((height, width, 3), GREY, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = image
    pixels = np.ascontiguousarray(canvas[..., ::-1].transpose(2, 0, 1), np.float32) / 255
    return Letterbox(pixels, scale, left, top)


def stack(images: list[Array], first: int, batch: int, height: int, width: int) -> Array:
    """``batch`` images from the ``first`` on, starting over at the end: shape (batch, 3, height, width)."""
    chosen = [images[(first + index) % len(images)] for index in range(batch)]
    return np.stack([letterbox(image, height, width).pixels for image in chosen])
