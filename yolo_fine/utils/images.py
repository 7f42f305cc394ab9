# SPDX-License-Identifier: AGPL-3.0-or-later
"""Opens images: their header, their width and height, their pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolo_fine.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image


@contextmanager
def open_image(file: Path, content: bytes | None = None, name: str | None = None) -> Iterator[Image]:
    """Open an image with Pillow, which reads its header now and its pixels when they are asked for.

    Args:
        file: The image.
        content: Its bytes, if they were read already.
        name: What messages call it, if not by its path.

    Raises:
        DataError: It is no image, or is damaged; also when its pixels turn out to be.
    """
    import cv2  # takes 30 MB, which an evaluation of files can do without
    from PIL import Image

    try:
        # Ultralytics replaces Image.open by one that installs a package when the format is unknown: don't get there.
        if not cv2.haveImageReader(str(file)):
            raise OSError("unknown format" if file.exists() else "no such file")
        with Image.open(file if content is None else io.BytesIO(content)) as image:
            yield image
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        raise DataError(f"{name or file} is no readable image: {str(error).split(' <_io')[0]}") from error


def image_size(file: Path, name: str | None = None) -> tuple[int, int]:
    """Width and height in pixels, as stored (a rotation in EXIF is not applied).

    Args:
        file: The image.
        name: What messages call it, if not by its path.

    Raises:
        DataError: It is no image.
    """
    with open_image(file, name=name) as image:
        width, height = image.size
    return width, height


def read_pixels(file: Path) -> np.ndarray:
    """One image as Ultralytics reads it: BGR, turned as EXIF says; shape (height, width, 3), uint8.

    Raises:
        DataError: It is missing, or OpenCV can't read it.
    """
    import cv2

    try:
        pixels = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)  # imread can't read every path on Windows
    except (OSError, cv2.error) as error:
        raise DataError(f"{file}: the image can't be read ({error})") from error
    if pixels is None:
        raise DataError(f"{file}: not an image that OpenCV can read")
    return pixels
