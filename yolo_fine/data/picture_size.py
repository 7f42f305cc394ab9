# SPDX-License-Identifier: AGPL-3.0-or-later
"""Opens pictures, and reads their width and height from the header."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from yolo_fine.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image


@contextmanager
def open_picture(file: Path, content: bytes | None = None, name: str | None = None) -> Iterator[Image]:
    """Open a picture with Pillow, which reads its header now and its pixels when they are asked for.

    Args:
        file: The picture.
        content: Its bytes, if they were read already.
        name: What messages call it, if not by its path.

    Raises:
        DataError: It is no picture, or is damaged; also when its pixels turn out to be.
    """
    from PIL import Image

    try:
        # Ultralytics replaces Image.open by one that installs a package when the format is unknown: don't get there.
        if not cv2.haveImageReader(str(file)):
            raise OSError("unknown format" if file.exists() else "no such file")
        with Image.open(file if content is None else io.BytesIO(content)) as picture:
            yield picture
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        raise DataError(f"{name or file} is no readable picture: {str(error).split(' <_io')[0]}") from error


def picture_size(file: Path, name: str | None = None) -> tuple[int, int]:
    """Width and height in pixels, as stored (a rotation in EXIF is not applied).

    Args:
        file: The picture.
        name: What messages call it, if not by its path.

    Raises:
        DataError: It is no picture.
    """
    with open_picture(file, name=name) as picture:
        width, height = picture.size
    return width, height
