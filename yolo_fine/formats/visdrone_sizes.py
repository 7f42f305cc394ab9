# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sizes of the annotated images: listed in a text file, or read from the headers of the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.formats.visdrone_rows import shown_text
from yolo_fine.integration.datasets import is_image
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.images import image_size


def find_images(folder: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    """The image of each name.

    Raises:
        MissingFileError: There is no such folder.
        DataError: A name has no image, or two.
    """
    if not folder.is_dir():
        raise MissingFileError(f"images: {folder} is no folder")
    found: dict[str, Path] = {}
    wanted = set(names)
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or not is_image(file.name):
            continue
        if file.stem in found and file.stem in wanted:
            raise DataError(f"{folder} has two images '{file.stem}': {found[file.stem].name} and {file.name}")
        found[file.stem] = file
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"{folder}: {len(missing)} of {len(names)} annotated images are not there, the first is '{missing[0]}'"
            f"{did_you_mean(missing[0], found)}"
        )
    return tuple(found[name] for name in names)


def image_sizes(files: tuple[Path, ...]) -> Array:
    """Width and height of each image from its header, shape (images, 2), int64.

    Raises:
        DataError: A file is no image.
    """
    return np.array([image_size(file) for file in files], dtype=np.int64).reshape(-1, 2)


def check_sizes(sizes: Array, files: tuple[Path, ...], sizes_file: Path) -> None:
    """Raise :class:`DataError` if a listed size is not that of the image."""
    wrong = np.flatnonzero((sizes != image_sizes(files)).any(axis=1))
    if len(wrong):
        width, height = sizes[wrong[0]]
        real = " x ".join(str(side) for side in image_sizes((files[wrong[0]],))[0])
        raise DataError(
            f"{sizes_file}: '{files[wrong[0]].stem}' is listed with {width} x {height} pixels, but "
            f"{files[wrong[0]]} has {real}; {len(wrong)} of {len(files)} images differ"
        )


def listed_sizes(file: Path, names: tuple[str, ...]) -> Array:
    """Width and height of each name from lines ``name width height``, shape (images, 2), int64.

    Raises:
        MissingFileError: There is no such file.
        DataError: A line can't be used, or a name is missing.
    """
    if not file.is_file():
        raise MissingFileError(f"sizes: there is no file {file}")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror or error}") from error
    sizes: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        fields = line.rsplit(maxsplit=2)
        sides = [field for field in fields[1:] if len(field) < 7 and field.isdigit() and int(field) > 0]
        if len(sides) != 2:
            raise DataError(
                f"{file}, line {number}: '{shown_text(line)}'; expected 'name width height' in whole pixels"
            )
        name, size = fields[0].strip().decode("utf-8", errors="replace"), (int(sides[0]), int(sides[1]))
        if sizes.setdefault(name, size) != size:
            raise DataError(f"{file}, line {number}: '{name}' has the sizes {sizes[name]} and {size}")
    missing = [name for name in names if name not in sizes]
    if missing:
        raise DataError(
            f"{file}: {len(missing)} of {len(names)} images have no size, the first is '{missing[0]}'"
            f"{did_you_mean(missing[0], sizes)}"
        )
    return np.array([sizes[name] for name in names], dtype=np.int64).reshape(-1, 2)
