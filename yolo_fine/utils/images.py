# SPDX-License-Identifier: AGPL-3.0-or-later
"""Opens images: their header, their width and height."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from yolo_fine.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

BY_PLUGIN = {".avif", ".heic", ".heif"}  # suffixes that Pillow may know and OpenCV not


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
    from PIL import Image, UnidentifiedImageError

    try:
        if not file.exists():
            raise OSError(missing(file))
        # Ultralytics replaces Image.open by one that installs a package when the format is unknown: don't get there.
        is_replaced = Image.open.__module__ != Image.__name__
        if is_replaced and file.suffix.lower() not in BY_PLUGIN and not cv2.haveImageReader(str(file)):
            raise OSError("unknown format")
        with Image.open(file if content is None else io.BytesIO(content)) as image:
            yield image
    except UnidentifiedImageError as error:
        raise DataError(f"{name or file} is no readable image: unknown format") from error
    except DataError:  # of the caller; one is a ValueError
        raise
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        raise DataError(f"{name or file} is no readable image: {_reason(error, file)}") from error


def _reason(error: Exception, file: Path) -> str:
    """What Pillow says, without the names of its objects."""
    if isinstance(error, ImportError) and file.suffix.lower() not in BY_PLUGIN:  # OpenCV knows it, Pillow doesn't
        return "Pillow, which Ultralytics checks images with, doesn't know its format"
    return str(error).split(" <_io")[0]


def missing(file: Path) -> str:
    """Why a file is not there, and what may be wrong with its name: there is none, or a link that leads nowhere."""
    if file.is_symlink():
        return f"it is a link to {os.readlink(file)}, which does not exist"
    if str(file).strip() != str(file):
        return "no such file; there are blanks at an end of its name"
    if "\\" in str(file) and os.sep != "\\":
        return "no such file; a backslash parts no folders here"
    return "no such file" if file.is_absolute() else "no such file in the working folder"


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
