# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which images belong together: a bootstrap draws groups of images, by default each image by itself.

Frames of one clip are no independent images: an interval from single frames is too narrow.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from yolo_fine.errors import ArgumentError, DataError, MissingFileError
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.paths import StrPath

IMAGES = "images"  # says that every image is a group
SEQUENCE = r"(\d{7})_\d{5}_d_\d{7}$"  # a name of VisDrone-DET; what precedes the first _ is the sequence


@dataclass(frozen=True)
class Groups:
    """A division of the images into groups.

    Attributes:
        by: What divides them: ``images``, a regular expression, or a file.
        index: Group of each image, 0 to groups - 1, shape (images,), int64.
    """

    by: str
    index: Array

    @property
    def count(self) -> int:
        """Number of groups."""
        return int(self.index.max(initial=-1)) + 1

    @property
    def effective(self) -> float:
        """How many groups of equal size would say as much."""
        return effective_number(np.bincount(self.index))

    def to_dict(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {"by": self.by, "groups": self.count, "effective_groups": self.effective}


def each_image(images: int) -> Groups:
    """Every image by itself."""
    return Groups(IMAGES, np.arange(images))


def read_groups(groups: StrPath | None, names: Sequence[str], kind: str) -> Groups:
    """The groups that a user asks for.

    Args:
        groups: A regular expression that is searched in the names of the images and whose first group names the clip;
            a CSV file with the columns ``image`` and ``group``; or ``images`` for none. By default VisDrone's images
            are grouped by the sequence that their names begin with, if all names have that form.
        names: Names of the images, without suffix.
        kind: Kind of the annotations: visdrone, coco or yolo.

    Raises:
        ArgumentError: The expression is none, names no group, or does not match an image.
        MissingFileError, DataError: The file is not there, or can't be used.
    """
    if groups is None:
        is_visdrone = kind == "visdrone" and all(re.search(SEQUENCE, name) for name in names)
        groups = SEQUENCE if is_visdrone else IMAGES
    by = os.fspath(groups)
    if by == IMAGES:
        return each_image(len(names))
    is_file = by.lower().endswith(".csv") or Path(by).is_file()
    labels = _from_file(Path(by), names) if is_file else _by_expression(by, names)
    number = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    return Groups(by, np.array([number[label] for label in labels], dtype=np.int64))


def effective_number(sizes: Array) -> float:
    """Kish's effective number of groups: (sum of sizes)² / sum of sizes²; 0 without any.

    Kish, "Survey Sampling", 1965, section 8.2.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.any() else 0.0


def _by_expression(by: str, names: Sequence[str]) -> list[str]:
    example = r"as groups=(.+)_\d+ for clip7_0001"
    try:
        expression = re.compile(by)
    except re.error as error:
        raise ArgumentError(f"groups={by} is no regular expression ({error}), {example}") from error
    if not expression.groups:
        raise ArgumentError(
            f"groups={by} is neither '{IMAGES}', nor a CSV file, nor a regular expression with a group in parentheses, "
            f"{example}"
        )
    found = [match.group(1) if (match := expression.search(name)) else None for name in names]
    missing = [name for name, label in zip(names, found, strict=True) if label is None]
    if missing:
        raise ArgumentError(
            f"groups={by} finds no group in {len(missing)} of {len(names)} image names, the first is {missing[0]} "
            "(names are without suffix)"
        )
    return [str(label) for label in found]


def _from_file(file: Path, names: Sequence[str]) -> list[str]:
    if not file.is_file():
        near = [other.name for other in file.parent.glob("*.csv")] if file.parent.is_dir() else []
        raise MissingFileError(f"groups={file} does not exist{did_you_mean(file.name, near)}")
    group_of: dict[str, str] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            for key in ("image", "group"):
                if key not in (rows.fieldnames or ()):
                    raise DataError(f"{file} has no column '{key}'; its first line must name the columns image,group")
            for row in rows:
                image, group = ((row[key] or "").strip() for key in ("image", "group"))
                if not image or not group:
                    raise DataError(f"{file}, line {rows.line_num}: an image and its group are needed")
                name = str(PurePosixPath(image.replace("\\", "/")).with_suffix(""))
                if group_of.setdefault(name, group) != group:
                    raise DataError(f"{file}, line {rows.line_num}: {image} is in group {group_of[name]} already")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} can't be read: {error}") from error
    found = [group_of.get(name, group_of.get(name.rsplit("/", 1)[-1])) for name in names]
    missing = [name for name, label in zip(names, found, strict=True) if label is None]
    if missing:
        raise DataError(
            f"{file} names no group for {len(missing)} of {len(names)} images, the first is {missing[0]}"
            f"{did_you_mean(missing[0], group_of)}"
        )
    return [str(label) for label in found]
