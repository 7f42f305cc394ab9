# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lists of results, as pycocotools takes them and as Ultralytics and SAHI write them: a detector's boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.coco_instances import CocoGroundTruth, image_name
from yolo_fine.formats.coco_json import read_file, read_list
from yolo_fine.formats.coco_table import Table
from yolo_fine.formats.numbering import counted_from, decide_reading
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.files import finished_file
from yolo_fine.utils.hints import did_you_mean

WRITTEN = 10_000  # boxes that are written at a time


def read_results(file: Path | str, truth: GroundTruth, *, first_category: int | None = None) -> Detections:
    """Read a list of results, ``{"image_id": ..., "category_id": ..., "bbox": [...], "score": ...}`` each.

    **Images.** Where an entry has a ``file_name`` (Ultralytics' ``predictions.json``), that names the image. Else an
    ``image_id`` is an id of ``instances.json`` if the objects come from one. If they don't, a number is the image's
    name read as a number, as Ultralytics writes it. A text that is no id is the image's name. Names go without suffix,
    and without folders if that is clear.

    **Categories.** Where an entry has a ``category_name`` (SAHI's lists and ours), that names the class. Else
    :mod:`yolo_fine.formats.numbering` decides what ``category_id`` counts from, or asks for ``first_category``.

    Args:
        file: The JSON file.
        truth: The objects that the detections are evaluated on.
        first_category: Number that the list gives to the first class; the others follow without gaps.

    Returns:
        The detections, by image, within an image in the order of the list.

    Raises:
        MissingFileError: There is no such file.
        DataError: It is malformed, or has images or categories that the objects don't have.
    """
    reader = _Reader(truth)
    parts = read_list(read_file(Path(file)), str(file), "results", reader.read)
    image, boxes, score, category, is_named = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(image, kind="stable")
    image, boxes, score, category, is_named = (column[order] for column in (image, boxes, score, category, is_named))
    notes: tuple[str, ...] = ()
    unnamed = np.flatnonzero(~is_named)
    if len(unnamed):
        number = category[unnamed]
        if first_category is None:
            reading, notes = decide_reading(
                truth, image[unnamed], boxes[unnamed], number, str(file), from_one=reader.has_file_names, strict=True
            )
        else:
            reading = counted_from(truth, first_category)
        unknown = np.flatnonzero(~np.isin(number, list(reading)))
        if len(unknown):
            known = ", ".join(f"{key} {truth.classes.get(value, '')}".strip() for key, value in reading.items())
            entry, wrong = order[unnamed[unknown]].min(), number[unknown[order[unnamed[unknown]].argmin()]]
            raise DataError(f"{file}: results[{entry}]: unknown category_id {wrong}; known are {known}")
        category[unnamed] = [reading[one] for one in number.tolist()]
    return Detections(image, boxes, category, score, notes)


def write_results(file: Path | str, truth: GroundTruth, detections: Detections) -> None:
    """Write detections as a list that :func:`read_results` takes back unchanged.

    ``image_id`` is the id of ``instances.json`` if the objects come from one, else the image's name; ``category_id``
    the number in ``truth.classes`` and ``category_name`` its name, ``null`` for a category that is not evaluated.

    Raises:
        ArgumentError: The file can't be written there.
    """
    ids: dict[str, int | str] = truth.ids if isinstance(truth, CocoGroundTruth) else {}
    images = [f'{{"image_id": {json.dumps(ids.get(name, name))}, ' for name in truth.names]
    categories = {
        number: f'"category_id": {number}, "category_name": {json.dumps(truth.classes.get(number))}, "bbox": '
        for number in np.unique(detections.category).tolist()
    }
    columns = (detections.image, detections.category, detections.boxes, detections.score)
    with finished_file(Path(file)) as part, part.open("w", encoding="ascii", newline="\n") as stream:
        stream.write("[\n")
        for start in range(0, len(detections), WRITTEN):
            rows = zip(*(column[start : start + WRITTEN].tolist() for column in columns), strict=True)
            # a list of floats prints as JSON has it
            lines = [f'{images[i]}{categories[c]}{box}, "score": {score}}}' for i, c, box, score in rows]
            stream.write(",\n" * (start > 0) + ",\n".join(lines))
        stream.write("\n]\n")


def _as_number(text: str) -> int | None:
    """The number that is written so: an id of the annotations that became a text on its way through another tool."""
    is_plain = text.isascii() and text.isdigit() and len(text) < 20 and str(int(text)) == text
    return int(text) if is_plain else None


class _Reader:
    """Reads parts of a list, and finds the images and the classes that they name.

    Attributes:
        has_file_names: Whether an entry has a ``file_name``.
    """

    def __init__(self, truth: GroundTruth) -> None:
        self.truth, self.has_file_names = truth, False
        self.numbers = {name: number for number, name in truth.classes.items()}
        self.by_name = {name: [i] for i, name in enumerate(truth.names)}
        self.by_stem: dict[str, list[int]] = {}
        self.by_id: dict[float | str, list[int]] = {}
        for i, name in enumerate(truth.names):
            stem = name.rsplit("/", 1)[-1]
            self.by_stem.setdefault(stem, []).append(i)
            if isinstance(truth, CocoGroundTruth):
                self.by_id[truth.ids[name]] = [i]
            elif stem.isascii() and stem.isdigit() and len(stem) < 300:
                self.by_id.setdefault(int(stem), []).append(i)
        self.known: dict[Any, int] = {}  # a list has hundreds of entries an image

    def read(self, table: Table) -> tuple[Array, Array, Array, Array, Array]:
        """Images, boxes, scores, categories, and whether the category comes from a name."""
        category = table.whole_numbers("category_id")
        is_named = np.array(["category_name" in row for row in table.rows], dtype=bool)
        for i in np.flatnonzero(is_named).tolist():
            name = table.rows[i]["category_name"]
            if name is None:  # not evaluated; only protocols that give such numbers a meaning look at it
                continue
            if not isinstance(name, str) or name not in self.numbers:
                near, known = did_you_mean(str(name), self.numbers), ", ".join(self.numbers)
                raise table.error(i, f"unknown category_name {name!r:.60}{near}; known are {known}")
            category[i] = self.numbers[name]
        return self._images(table), table.boxes(), table.numbers("score"), category, is_named

    def _images(self, table: Table) -> Array:
        """Index of each entry's image, shape (entries,), int64."""
        keys = [("file_name", row["file_name"]) if "file_name" in row else row.get("image_id") for row in table.rows]
        if bool in map(type, keys):  # which a dictionary takes for 0 or 1
            i = list(map(type, keys)).index(bool)
            raise table.error(i, f"no 'image_id' that is a number or a name: {keys[i]!r}")
        found = []
        for i, key in enumerate(keys):
            try:
                found.append(self.known[key])
            except (KeyError, TypeError):  # TypeError: a list or an object is no name
                found.append(self._find(table, i, key))
        return np.array(found, dtype=np.int64)

    def _find(self, table: Table, i: int, key: Any) -> int:
        """Index of the image that an entry is the first to name so.

        Raises:
            DataError: It names none, or one that is not clear.
        """
        is_file_name = isinstance(key, tuple)
        name = key[1] if is_file_name else key
        if type(name) not in (int, float, str):
            raise table.error(i, f"no 'image_id' that is a number or a name: {name!r:.60}")
        matches = self._matches(name, is_file_name)
        if len(matches) != 1:
            raise table.error(i, self._which_image(name, matches))
        self.has_file_names |= is_file_name
        self.known[key] = matches[0]
        return matches[0]

    def _matches(self, key: str | float, is_file_name: bool) -> list[int]:
        """Images that a name or an id may mean."""
        if is_file_name:
            name = image_name(str(key))
            return self.by_name.get(name, []) if "/" in name else self.by_stem.get(name, [])
        if isinstance(key, str):
            found = self.by_id.get(key) or self.by_name.get(key) or self.by_stem.get(key)
            return found or self.by_id.get(_as_number(key) or key) or self._matches(key, is_file_name=True)
        return self.by_id.get(key) or self.by_id.get(str(key), [])

    def _which_image(self, key: str | float, matches: list[int]) -> str:
        names = self.truth.names
        if matches:
            return f"image {key!r:.80} may be {' or '.join(names[i] for i in matches[:3])}"
        near = did_you_mean(key, names) if isinstance(key, str) else ""
        known: list[int | str] = list(self.truth.ids.values() if isinstance(self.truth, CocoGroundTruth) else names)
        first, last = known[:1], known[-1:]
        told = f" (the first is {first[0]!r:.80})" if first else ""
        if key == 0 and first == [1]:
            told += ": do the results count images from 0?"
        elif isinstance(key, int) and first == [0] and last == [key - 1]:
            told = f" (the last is {last[0]}): do the results count images from 1?"
        return f"image {key!r:.80} is not among the {len(names)} annotated ones{near}{told}"
