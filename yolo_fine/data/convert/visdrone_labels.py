# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of VisDrone annotation files: reading, counting, and the YOLO labels that they make.

A row is ``x,y,w,h,score,category,truncation,occlusion``, whole numbers, the box in pixels from the top-left corner.
Category 0 is an ignored region, 11 "others", 1 to 10 are the classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from yolo_fine.errors import DataError

NAMES = (
    *("ignored", "pedestrian", "people", "bicycle", "car", "van"),
    *("truck", "tricycle", "awning-tricycle", "bus", "motor", "others"),
)
CLASSES = NAMES[1:11]
IGNORED, OTHERS = 0, 11
WIDTH, HEIGHT, SCORE, CATEGORY = 2, 3, 4, 5


@dataclass(frozen=True)
class Counts:
    """What the annotation files of a split hold.

    Attributes:
        images: Annotation files.
        objects: Rows of categories 1 to 10.
        ignored: Ignored regions.
        others: Rows of category 11.
        zero_size: Rows, of any category, whose box has no width or no height.
        labels: Rows that become YOLO labels.
    """

    images: int
    objects: int
    ignored: int
    others: int
    zero_size: int
    labels: int


def read_rows(content: bytes, where: str) -> np.ndarray:
    """Rows of one annotation file, shape (rows, 8), int64.

    Line ends of any kind and a comma at the end of a line are taken as they come.

    Raises:
        DataError: A line is broken; the message names file and line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is no text file: byte {error.start} is {content[error.start]:#04x}") from error
    rows = _parse_whole(text)
    if rows is None:
        rows = parse_rows(text, where)
    wrong = (rows[:, CATEGORY] < IGNORED) | (rows[:, CATEGORY] > OTHERS)
    negative = (rows[:, WIDTH] < 0) | (rows[:, HEIGHT] < 0)
    if wrong.any() or negative.any():
        row = int(np.flatnonzero(wrong | negative)[0])
        number, line = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()][row]
        told = "categories go from 0 to 11" if wrong[row] else "width and height can't be negative"
        raise DataError(f"{where}, line {number}: {told}, got {line!r}")
    return rows


def parse_rows(text: str, where: str = "annotation") -> np.ndarray:
    """Return the rows of one VisDrone annotation file as an (n, 8) integer array.

    Columns: x, y, width, height (pixels), score, category, truncation, occlusion. A trailing comma is accepted, as it
    occurs in the official files.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        fields = line.strip().rstrip(",").split(",")
        if len(fields) != 8:
            raise DataError(f"{where}, line {number}: 8 comma-separated numbers expected, got {line!r}")
        try:
            rows.append([int(field) for field in fields])
        except ValueError:
            raise DataError(f"{where}, line {number}: integers expected, got {line!r}") from None
    return np.array(rows, dtype=np.int64).reshape(-1, 8)


def _parse_whole(text: str) -> np.ndarray | None:
    """Rows of a file that has nothing unusual, in one go; None for any other, to be read line by line."""
    lines = [line.rstrip(", \t") for line in text.splitlines() if line.strip()]
    if not lines or any(line.count(",") != 7 for line in lines):
        return None
    try:
        numbers = [int(field) for field in ",".join(lines).split(",")]
    except ValueError:
        return None
    return np.array(numbers, dtype=np.int64).reshape(-1, 8)


def is_label(rows: np.ndarray) -> np.ndarray:
    """Which rows become YOLO labels: a class, a score other than 0, a box with an area."""
    category = rows[:, CATEGORY]
    return (category != IGNORED) & (category != OTHERS) & (rows[:, SCORE] != 0) & ~has_zero_size(rows)


def has_zero_size(rows: np.ndarray) -> np.ndarray:
    """Which rows have a box without width or height."""
    return (rows[:, WIDTH] == 0) | (rows[:, HEIGHT] == 0)


def count_rows(tables: Iterable[np.ndarray]) -> Counts:
    """Count the rows of a split, one table an image."""
    listed = list(tables)
    rows = np.concatenate([np.empty((0, 8), dtype=np.int64), *listed])
    category = rows[:, CATEGORY]
    ignored, others = int((category == IGNORED).sum()), int((category == OTHERS).sum())
    return Counts(
        images=len(listed),
        objects=len(rows) - ignored - others,
        ignored=ignored,
        others=others,
        zero_size=int(has_zero_size(rows).sum()),
        labels=int(is_label(rows).sum()),
    )


def label_text(rows: np.ndarray, width: int, height: int) -> str:
    """The YOLO label file of an image of ``width`` x ``height`` pixels.

    The class is the category less one; centre and size are shares of the image with six digits. Boxes are not
    clipped to the image. These are the labels that Ultralytics' own VisDrone.yaml makes.
    """
    lines = []
    per_x, per_y = 1.0 / width, 1.0 / height
    for x, y, w, h, _, category, _, _ in rows[is_label(rows)].tolist():
        centre = f"{(x + w / 2) * per_x:.6f} {(y + h / 2) * per_y:.6f}"
        lines.append(f"{category - 1} {centre} {w * per_x:.6f} {h * per_y:.6f}\n")
    return "".join(lines)
