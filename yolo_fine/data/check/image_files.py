# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads one image: whether it can be decoded, its size, its exact hash and a perceptual one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.integration.datasets import is_image, read_pixels
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.images import open_image

HASH_SIDE = 16  # the perceptual hash has 16 x 16 bits
END_OF_JPEG = b"\xff\xd9"
FLAT = 2.0  # standard deviation, in grey levels, below which an image shows nothing to tell it by


@dataclass(frozen=True)
class ImageCheck:
    """What an image file holds.

    Attributes:
        size: Width and height in pixels; (0, 0) if unreadable.
        content: Hash of the file's bytes; empty if unreadable.
        look: Difference hash, shape (32,), uint8; None for a flat or unreadable image.
        fault: Why Ultralytics can't read it; None if it can.
    """

    size: tuple[int, int] = (0, 0)
    content: bytes = b""
    look: Array | None = None
    fault: str | None = None


def check_image(file: Path, channels: int = 3) -> ImageCheck:
    """Decode an image as Ultralytics does, and hash it.

    A JPEG is decoded at a part of its size, which still reads the whole file.

    Args:
        file: The image.
        channels: Bands that the network takes.
    """
    try:
        content = file.read_bytes() if file.exists() else b""
        with open_image(file, content) as image:
            size, kind = image.size, image.format or ""
            if not is_image(f".{'jp2' if kind == 'JPEG2000' else kind}"):
                raise DataError(f"{file} is no readable image: Ultralytics does not take the format {kind}")
            if kind not in ("JPEG", "MPO") or channels not in (1, 3):
                image.verify()
                pixels: Array = read_pixels(file, channels)
            elif content.endswith(END_OF_JPEG):
                decoded = decode_reduced(content, min(size))
                if decoded is None:
                    raise DataError(f"{file} is no readable image: OpenCV can't decode it")
                pixels = decoded
            else:  # Ultralytics writes it anew, if Pillow can read all of it
                pixels = np.asarray(image.convert("L"))
    except (OSError, DataError) as error:
        return ImageCheck(fault=str(error))
    return ImageCheck(size, hashlib.blake2b(content, digest_size=16).digest(), difference_hash(pixels))


def decode_reduced(content: bytes, side: int) -> Array | None:
    """Grey levels of a JPEG, at an eighth, a quarter or half of its size where that will do for the hash.

    Args:
        content: The file.
        side: Its shorter side in pixels.
    """
    import cv2

    flags = {
        8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
        4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
        2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
        1: cv2.IMREAD_GRAYSCALE,
    }
    scale = next((scale for scale in flags if side >= 4 * HASH_SIDE * scale), 1)
    decoded: Array | None = cv2.imdecode(np.frombuffer(content, np.uint8), flags[scale])
    return decoded


def difference_hash(pixels: Array) -> Array | None:
    """Difference hash (dHash, N. Krawetz, 2013) of an image's grey levels, with 256 bits instead of 64.

    The image is shrunk to 17 x 16 cells; a bit says whether a cell is brighter than its left neighbour. Size,
    compression and brightness hardly change it, another place or view does.

    Args:
        pixels: Shape (height, width) or (height, width, bands), uint8; three bands are BGR.

    Returns:
        Shape (32,), uint8; None if the image is flat.
    """
    import cv2

    bands = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :4])
    cells = cv2.resize(bands, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    if cells.ndim == 3:
        cells = cv2.cvtColor(cells, cv2.COLOR_BGR2GRAY) if cells.shape[2] == 3 else cells.mean(axis=2)
    cells = cells.astype(np.int16)
    if cells.std() < FLAT:
        return None
    return np.packbits(cells[:, 1:] > cells[:, :-1])
