# SPDX-License-Identifier: AGPL-3.0-or-later
"""Width and height of a picture, from its header."""

from __future__ import annotations

from pathlib import Path

from yolo_fine.errors import DataError


def picture_size(file: Path, name: str | None = None) -> tuple[int, int]:
    """Width and height in pixels, as stored (a rotation in EXIF is not applied).

    Args:
        file: The picture.
        name: What messages call it, if not by its path.

    Raises:
        DataError: It is no picture.
    """
    from PIL import Image

    try:
        with Image.open(file) as picture:
            width, height = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{name or file} is no readable picture: {error}") from error
    return width, height
