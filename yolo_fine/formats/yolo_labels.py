# SPDX-License-Identifier: AGPL-3.0-or-later
"""Annotated objects of a dataset in YOLO's layout, read as Ultralytics reads them for detection."""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.formats.yolo_layout import label_file
from yolo_fine.utils.hints import did_you_mean

GREATEST_COORDINATE, LEAST_COORDINATE = 1.01, -0.01  # Ultralytics' tolerance for rounded labels


def read_split(data: str, split: str = "val") -> GroundTruth:
    """Read the images and labels of one split.

    Images come in Ultralytics' order (sorted by path). A label file has a line for each object: ``class cx cy w h``,
    or ``class x1 y1 x2 y2 x3 y3 ...``, of which the enclosing box is taken; all coordinates are fractions of the
    image, whose size is that after EXIF rotation. An image without label file has no objects. Of equal lines one is
    kept. No object is a crowd, and its area is the box's. Unlike Ultralytics, which leaves out an image with a broken
    label file and goes on, this is an error: metrics on fewer images would look like any others.

    Args:
        data: Dataset YAML, as Ultralytics takes it (a path or a bare name). Its ``download:`` step may run.
        split: ``train``, ``val``, ``test``, or any other key of the YAML that names images.

    Returns:
        The objects; ``classes`` are the YAML's ``names``, from 0.

    Raises:
        DataError: The YAML, an image or a label is wrong. The message names file, line and value.
    """
    from ultralytics.data.utils import check_det_dataset

    try:
        dataset = check_det_dataset(data)
    except Exception as error:  # stock raises several kinds for one condition: this dataset can't be used
        raise DataError(f"data={data}: {error}") from error
    if not dataset.get(split):
        raise DataError(f"data={data}: the YAML names no '{split}' images{did_you_mean(split, dataset)}")
    classes = {int(number): str(name) for number, name in dataset["names"].items()}
    if len(set(classes.values())) != len(classes):
        twice = next(name for name in classes.values() if list(classes.values()).count(name) > 1)
        raise DataError(f"data={data}: two classes are named '{twice}'")
    files = _list_images(data, split, dataset[split])

    sizes = np.array([_image_size(file) for file in files], dtype=np.int64)
    labels = [_read_labels(label_file(file), classes) for file in files]
    image = np.repeat(np.arange(len(files)), [len(rows) for rows in labels])
    rows = np.concatenate(labels)
    centre, side = rows[:, 1:3] * sizes[image], rows[:, 3:5] * sizes[image]
    return GroundTruth(
        names=_names(files),
        sizes=sizes,
        classes=classes,
        image=image,
        boxes=np.concatenate([centre - side / 2, side], axis=1),
        category=rows[:, 0].astype(np.int64),
        area=side[:, 0] * side[:, 1],
        crowd=np.zeros(len(rows), dtype=bool),
        files=files,
    )


def _list_images(data: str, split: str, entries: str | Sequence[str]) -> tuple[Path, ...]:
    """Images of folders and of text files that list them."""
    from ultralytics.data.utils import IMG_FORMATS

    found: list[str] = []
    for entry in [entries] if isinstance(entries, str) else entries:
        path = Path(entry)
        if path.is_dir():
            found += [str(path / file) for file in glob.glob("**/*.*", root_dir=path, recursive=True)]
        elif path.is_file():
            folder = f"{path.parent}{os.sep}"
            lines = [line.strip() for line in _read_text(path).splitlines()]
            found += [line.replace("./", folder, 1) if line.startswith("./") else line for line in lines]
        else:
            raise DataError(f"data={data}: {entry} for '{split}' does not exist")
    images = tuple(Path(file) for file in sorted(found) if file.rpartition(".")[-1].lower() in IMG_FORMATS)
    if not images:
        raise DataError(f"data={data}: no images found for '{split}' in {entries}")
    if len(set(images)) != len(images):
        twice = next(one for one, other in pairwise(images) if one == other)
        raise DataError(f"data={data}: '{split}' lists {twice} twice")
    return images


def _names(files: Sequence[Path]) -> tuple[str, ...]:
    """Names without suffix, relative to the folder that holds all images."""
    paths = [file.absolute() for file in files]
    folder = os.path.commonpath([path.parent for path in paths])
    return tuple(path.relative_to(folder).with_suffix("").as_posix() for path in paths)


def _image_size(file: Path) -> tuple[int, int]:
    """Width and height as the detector sees the image; only the header is read."""
    from PIL import Image
    from ultralytics.data.utils import exif_size

    try:
        with Image.open(file) as image:
            width, height = exif_size(image)
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        # ImportError: Ultralytics' patch of PIL takes what it does not know for HEIF, and imports a reader for it
        raise DataError(f"{file} is not a readable image: {error}") from error
    return width, height


def _read_labels(file: Path, classes: dict[int, str]) -> np.ndarray:
    """Rows of class, centre and sides, shape (objects, 5), float64; fractions of the image."""
    if not file.is_file():
        return np.zeros((0, 5))
    rows: list[list[float]] = []
    kept: dict[bytes, int] = {}  # Ultralytics compares in float32
    kinds: dict[bool, int] = {}
    for line, text in enumerate(_read_text(file).splitlines(), start=1):
        words = text.split()
        if not words:
            continue
        where = f"{file}, line {line}"
        values = [_number(where, word) for word in words]
        is_box = len(values) == 5
        if not is_box and (len(values) < 7 or len(values) % 2 == 0):
            hint = "; a sixth number is a detector's confidence, no label has one" if len(values) == 6 else ""
            raise DataError(
                f"{where}: {len(values)} numbers; 'class cx cy w h' or 'class x1 y1 x2 y2 x3 y3' expected{hint}"
            )
        if kinds.setdefault(is_box, line) == line and len(kinds) == 2:
            raise DataError(f"{where}: boxes and polygons in one file (the other kind is in line {kinds[not is_box]})")
        row = values if is_box else [values[0], *_box_around(values[1:])]
        _check_row(where, row, classes)
        if kept.setdefault(np.array(values, dtype=np.float32).tobytes(), line) == line:
            rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def _check_row(where: str, row: list[float], classes: dict[int, str]) -> None:
    """Refuse what Ultralytics refuses: class, centre and sides out of range."""
    if row[0] not in classes:
        known = f"0 to {len(classes) - 1}" if classes else "none"
        raise DataError(f"{where}: class {row[0]:g} is not in the dataset's names, which are {known}")
    for i, value in enumerate(row[1:]):
        if not (LEAST_COORDINATE if i < 2 else 0) <= value <= GREATEST_COORDINATE:
            what = "centre" if i < 2 else "width and height"
            raise DataError(f"{where}: {value:g} for {what} is not a fraction of the image, 0 to 1")


def _box_around(points: list[float]) -> list[float]:
    """Centre and sides of the box around a polygon x1 y1 x2 y2 ..."""
    left, right, top, bottom = min(points[::2]), max(points[::2]), min(points[1::2]), max(points[1::2])
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]


def _number(where: str, word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{where}: '{word:.40}' is not a number")
    return number


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} can't be read: {error}") from error
