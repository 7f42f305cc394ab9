# SPDX-License-Identifier: AGPL-3.0-or-later
"""YOLO label files, read as Ultralytics reads them for detection: a line for each object.

A line is ``class cx cy w h``, or ``class x1 y1 x2 y2 x3 y3 ...``, of which the enclosing box is taken, or in a pose
dataset a box and its keypoints. All coordinates are shares of the image.
"""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.formats.yolo_layout import label_file, open_dataset, read_text
from yolo_fine.integration.datasets import SMALLEST_IMAGE, upright_size
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.paths import StrPath

TOLERANCE = 0.01  # Ultralytics takes coordinates from -0.01 to 1.01, for rounded labels
BOX = 5  # numbers of a line that is a box


@dataclass(frozen=True)
class Labels:
    """What a label file holds.

    Attributes:
        rows: Class, centre x, centre y, width, height; shares of the image, shape (objects, 5), float64. Of equal
            lines the first is kept.
        lines: The line of each, from 1, shape (objects,), int64.
        repeated: Lines that repeat another.
        faults: Why Ultralytics leaves out the image; each with file and line.
        bare: Lines that have no keypoints, in a pose dataset.
    """

    rows: Array
    lines: Array
    repeated: int
    faults: tuple[str, ...]
    bare: int = 0


NO_LABELS = Labels(np.zeros((0, BOX)), np.zeros(0, dtype=np.int64), 0, ())


def read_labels(file: Path, classes: int, keypoints: int = 0) -> Labels:
    """Read a label file.

    Args:
        file: It is read as UTF-8, with or without a byte-order mark.
        classes: Number of classes.
        keypoints: Numbers that a line may have after its box, in a pose dataset. A line that is neither that nor a box
            is a fault there: it may have keypoints of another shape, of which Ultralytics would make a polygon.
    """
    try:
        lines = [(number, line.split()) for number, line in enumerate(read_text(file).splitlines(), 1) if line.strip()]
    except DataError as error:
        return replace(NO_LABELS, faults=(str(error),))
    rows: list[list[float]] = []
    numbers: list[int] = []
    faults: list[tuple[int, str]] = []
    kept: set[bytes] = set()
    repeated = bare = 0
    first_of: dict[bool, int] = {}  # box or polygon -> its first line
    for number, words in lines:
        has_keypoints = keypoints > 0 and len(words) == BOX + keypoints
        box = words[:BOX] if has_keypoints else words
        is_box = len(box) == BOX
        try:
            if keypoints and not is_box:
                wanted = f"{BOX + keypoints}, class cx cy w h and its keypoints"
                raise ValueError(f"{len(words)} numbers; by kpt_shape a line has {wanted}")
            values = _parse(box)
        except ValueError as error:
            faults.append((number, str(error)))
            continue
        if first_of.setdefault(is_box, number) == number and len(first_of) == 2:
            faults.append(
                (number, f"boxes and polygons in one file (the other kind is in line {first_of[not is_box]})")
            )
        bare += keypoints > 0 and not has_keypoints
        key = array("f", values).tobytes()  # Ultralytics compares in float32
        if key in kept:
            repeated += 1
            continue
        kept.add(key)
        rows.append(values if is_box else [values[0], *_box_around(values[1:])])
        numbers.append(number)
    table = np.array(rows, dtype=np.float64).reshape(-1, BOX)
    unknown = (table[:, 0] % 1 != 0) | (table[:, 0] < 0) | (table[:, 0] >= classes)
    outside = _is_outside(table[:, 1:])
    wrong = unknown | outside.any(axis=1)
    for i in np.flatnonzero(wrong):
        if unknown[i]:
            fault = f"class {table[i, 0]:g} is not in the dataset's names, which are 0 to {classes - 1}"
        else:
            column = int(np.argmax(outside[i]))
            what = "the centre" if column < 2 else "width or height"
            fault = f"{table[i, 1 + column]:g} for {what} is not a share of the image, 0 to 1"
        faults.append((numbers[i], fault))
    named = tuple(f"{file}, line {number}: {fault}" for number, fault in sorted(faults))
    return Labels(table[~wrong], np.array(numbers, dtype=np.int64)[~wrong], repeated, named, bare)


def _parse(words: Sequence[str]) -> list[float]:
    """The numbers of a line.

    Raises:
        ValueError: It is no box and no polygon. The message says why.
    """
    count = len(words)
    if count != BOX and (count < 7 or count % 2 == 0):
        hint = "; a sixth number is a detector's confidence, no label has one" if count == BOX + 1 else ""
        points, rest = divmod(count - BOX, 3)
        if points > 1 and not rest:
            hint = f"; if these are {points} keypoints, the data YAML lacks kpt_shape: [{points}, 3]"
        raise ValueError(
            f"{count} numbers; a box has 5, class cx cy w h, a polygon its class and 3 or more points{hint}"
        )
    try:
        values = list(map(float, words))
    except ValueError:
        values = [math.nan]
    if not math.isfinite(sum(values)):
        for word in words:
            if not _is_number(word):
                raise ValueError(f"'{word:.40}' is not a number")
    return values


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _box_around(points: Sequence[float]) -> list[float]:
    """Centre and sides of the box around a polygon x1 y1 x2 y2 ..."""
    left, right, top, bottom = min(points[::2]), max(points[::2]), min(points[1::2]), max(points[1::2])
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]


def _is_outside(shares: Array) -> Array:
    """Which of centre x, centre y, width and height Ultralytics refuses; shapes (boxes, 4)."""
    single = shares.astype(np.float32)
    low = np.array([-TOLERANCE, -TOLERANCE, 0, 0], dtype=np.float32)
    outside: Array = (single < low) | (single > np.float32(1 + TOLERANCE))
    return outside


def label_text(category: Iterable[int], shares: Array, form: str = ".6f") -> str:
    """The content of a label file.

    Args:
        category: Class numbers, from 0.
        shares: Centre x, centre y, width, height, as shares of the image, shape (objects, 4).
        form: How to format them.
    """
    lines = zip(category, shares.tolist(), strict=True)
    return "".join(f"{number} {x:{form}} {y:{form}} {w:{form}} {h:{form}}\n" for number, (x, y, w, h) in lines)


def clip_far_boxes(shares: Array) -> tuple[Array, Array]:
    """Cut boxes to the image where Ultralytics would leave out the whole image because of them.

    It does so when the centre of a box lies beyond the edge, or a side is longer than the image's, by more than 0.01.

    Args:
        shares: Centre x, centre y, width, height, as shares of the image, shape (boxes, 4).

    Returns:
        The boxes, and which of them were cut, shape (boxes,). Of one that lies wholly beyond the edge no area is left.
    """
    far = np.asarray(_is_outside(shares).any(axis=1))
    low = np.clip(shares[:, :2] - shares[:, 2:] / 2, 0, 1)
    high = np.clip(shares[:, :2] + shares[:, 2:] / 2, 0, 1)
    return np.where(far[:, None], np.concatenate([(low + high) / 2, high - low], axis=1), shares), far


def read_split(data: StrPath, split: str = "val") -> GroundTruth:
    """Read the images and labels of one split.

    An image without label file has no objects. No object is a crowd, and its area is the box's. Sizes of images are
    those after EXIF rotation. Unlike Ultralytics, which leaves out an image with a broken label file and goes on, this
    is an error: metrics on fewer images would look like any others.

    Args:
        data: Dataset YAML, as Ultralytics takes it (a path or a bare name). Its ``download:`` step may run.
        split: ``train``, ``val``, ``test``, or any other key of the YAML that names images.

    Returns:
        The objects; ``classes`` are the YAML's ``names``, from 0.

    Raises:
        DataError: The YAML, an image or a label is wrong. The message names file, line and value.
    """
    dataset = open_dataset(data, download=True)
    listed = dataset.split(split)
    if listed.absent:
        raise DataError(f"data={dataset.data}: {listed.absent[0]} for '{split}' does not exist")
    files = listed.images
    if not files:
        places, note = ", ".join(dataset.places[split]), f": {listed.note}" if listed.note else ""
        raise DataError(f"data={dataset.data}: no images found for '{split}' in {places}{note}")
    names = image_names(dataset.data, split, files)
    sizes = np.array([upright_size(file) for file in files], dtype=np.int64)
    labels = []
    for file in map(label_file, files):
        found = read_labels(file, len(dataset.classes), dataset.keypoints) if file.is_file() else NO_LABELS
        if found.faults:
            raise DataError(found.faults[0])
        labels.append(found.rows)
    rows = np.concatenate(labels)
    image = np.repeat(np.arange(len(files)), [len(table) for table in labels])
    centre, side = rows[:, 1:3] * sizes[image], rows[:, 3:5] * sizes[image]
    return GroundTruth(
        names=names,
        sizes=sizes,
        classes=dataset.classes,
        image=image,
        boxes=np.concatenate([centre - side / 2, side], axis=1),
        category=rows[:, 0].astype(np.int64),
        area=side[:, 0] * side[:, 1],
        crowd=np.zeros(len(rows), dtype=bool),
        files=files,
        channels=dataset.channels,
        notes=_notes(dataset.note, listed.note, sizes),
    )


def image_names(data: str, split: str, files: Sequence[Path]) -> tuple[str, ...]:
    """Names of a split's images without suffix, relative to the folder that holds all of them.

    Raises:
        DataError: Two images have one name.
    """
    for one, other in pairwise(files):
        if one == other:
            raise DataError(f"data={data}: '{split}' lists {one} twice")
    paths = [file.absolute() for file in files]
    folder = os.path.commonpath([path.parent for path in paths])
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    by_name: dict[str, Path] = {}
    for name, file in zip(names, files, strict=True):
        if by_name.setdefault(name, file) != file:
            raise DataError(
                f"data={data}: {by_name[name]} and {file} differ in nothing but their suffixes, so they share a label "
                "file, and detections that name one may mean the other; rename one of them"
            )
    return tuple(names)


def _notes(place: str | None, dropped: str | None, sizes: Array) -> tuple[str, ...]:
    """Where the images come from, and what Ultralytics would read otherwise."""
    small = int((sizes.min(axis=1) < SMALLEST_IMAGE).sum())
    left_out = f"{small} of {len(sizes)} images have a side below {SMALLEST_IMAGE} pixels; Ultralytics leaves them out"
    return tuple(note for note in (place, dropped, left_out if small else None) if note)
