# SPDX-License-Identifier: AGPL-3.0-or-later
"""SHA-256 of what annotations say: equal for equal annotations, wherever they lie and however their lines end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.utils.arrays import Array

if TYPE_CHECKING:
    from yolo_fine.formats.objects import GroundTruth


def fingerprint(names: Sequence[str], columns: Sequence[Array]) -> str:
    """Hash names and numbers, in the order given.

    Args:
        names: Any texts.
        columns: Arrays of numbers of any shape. Values and shapes count; the width of the type does not (int32 and
            int64 are equal), nor does the sign of zero.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in names:
        _add(digest, name.encode("utf-8"))
    for column in columns:
        wide = np.asarray(column, dtype="<i8" if np.asarray(column).dtype.kind in "iub" else "<f8")
        _add(digest, repr((wide.dtype.kind, wide.shape)).encode())
        _add(digest, np.ascontiguousarray(wide + 0).tobytes())
    return digest.hexdigest()


def text_fingerprint(texts: Mapping[str, bytes]) -> str:
    """Hash annotation files by name, in the order of names.

    Args:
        texts: Name of the image -> content of its file. Line ends, blank lines, blanks and commas at the ends of
            lines don't count, because copies of a data set differ in them.
    """
    digest = hashlib.sha256()
    for name in sorted(texts):
        lines = (line.strip(b" \t,\xef\xbb\xbf") for line in texts[name].splitlines())
        _add(digest, name.encode("utf-8"))
        _add(digest, b"\n".join(line for line in lines if line))
    return digest.hexdigest()


def data_fingerprint(data: GroundTruth | Path | str) -> str:
    """Hash the annotated objects of an evaluation, or the annotation files of a folder.

    Args:
        data: Objects, whose images may be in any order; or a folder of text files, one an image; or one file
            (``instances.json``), of which every byte counts. The three kinds of hash are not comparable.

    Raises:
        MissingFileError: There is no such file or folder.
        DataError: The folder has no text file.
    """
    if not isinstance(data, (str, Path)):
        return _truth_fingerprint(data)
    place = Path(data)
    if place.is_file():
        return hashlib.sha256(place.read_bytes()).hexdigest()
    if not place.is_dir():
        raise MissingFileError(f"{place}: no such file or folder")
    texts = {file.relative_to(place).with_suffix("").as_posix(): file.read_bytes() for file in place.rglob("*.txt")}
    if not texts:
        raise DataError(f"{place} has no annotation files (*.txt)")
    return text_fingerprint(texts)


def _truth_fingerprint(truth: GroundTruth) -> str:
    """Names, classes and columns, with the images in the order of their names."""
    order = np.array(sorted(range(len(truth.names)), key=truth.names.__getitem__), dtype=np.int64)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    rows = np.argsort(rank[truth.image], kind="stable")
    columns = [truth.boxes.round(3), truth.category, truth.area.round(3), truth.crowd]
    classes = [f"{number} {name}" for number, name in sorted(truth.classes.items())]
    names = [truth.names[index] for index in order]
    sizes, image = truth.sizes[order], rank[truth.image][rows]
    return fingerprint([*names, "", *classes], [sizes, image, *(column[rows] for column in columns)])


def _add(digest: hashlib._Hash, content: bytes) -> None:
    """Add a part with its length, so that parts can't run into each other."""
    digest.update(len(content).to_bytes(8, "little"))
    digest.update(content)
