# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads one image: whether it can be decoded, its size, its exact hash and a perceptual one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.utils.images import open_image

HASH_SIDE = 16  # the perceptual hash has 16 x 16 bits
FLAT = 2.0  # standard deviation, in grey levels, below which an image shows nothing to tell it by


@dataclass(frozen=True)
class ImageCheck:
    """What an image file holds.

    Attributes:
        size: Width and height in pixels; (0, 0) if unreadable.
        content: Hash of the file's bytes; empty if unreadable.
        look: Difference hash, shape (32,), uint8; None for a flat or unreadable image.
        fault: Why it can't be read; None if it can.
    """

    size: tuple[int, int] = (0, 0)
    content: bytes = b""
    look: np.ndarray | None = None
    fault: str | None = None


def check_image(file: Path) -> ImageCheck:
    """Decode an image (a JPEG at an eighth of its size, which still reads the whole file) and hash it."""
    try:
        content = file.read_bytes()
        with open_image(file, content) as image:
            size = image.size
            image.draft("L", (4 * HASH_SIDE, 4 * HASH_SIDE))
            grey = np.asarray(image.convert("L"))
    except (OSError, DataError) as error:
        return ImageCheck(fault=str(error))
    return ImageCheck(size, hashlib.blake2b(content, digest_size=16).digest(), difference_hash(grey))


def difference_hash(grey: np.ndarray) -> np.ndarray | None:
    """Difference hash (dHash, N. Krawetz, 2013) of a grey image, with 256 bits instead of 64.

    The image is shrunk to 17 x 16 cells; a bit says whether a cell is brighter than its left neighbour. Size,
    compression and brightness hardly change it, another place or view does.

    Args:
        grey: Shape (height, width), uint8.

    Returns:
        Shape (32,), uint8; None if the image is flat.
    """
    cells = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    if cells.std() < FLAT:
        return None
    return np.packbits(cells[:, 1:] > cells[:, :-1])
