# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lists of results, as pycocotools takes them and as Ultralytics and SAHI write them: a detector's boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.coco_instances import CocoGroundTruth, image_name
from yolo_fine.formats.coco_json import Table, load_json
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.files import finished_file
from yolo_fine.utils.hints import did_you_mean

ROWS = 100_000  # written at a time


def read_results(file: Path | str, truth: GroundTruth, *, first_category: int | None = None) -> Detections:
    """Read a list of results, ``{"image_id": ..., "category_id": ..., "bbox": [...], "score": ...}`` each.

    **Images.** Where an entry has a ``file_name`` (Ultralytics' ``predictions.json``), that names the image. Else a
    numeric ``image_id`` is an id of ``instances.json`` if the objects come from one; if they don't, it is the image's
    name read as a number, as Ultralytics writes it. An ``image_id`` that is a text is the image's name. Names go
    without suffix, and without folders if that is clear.

    **Categories.** Where an entry has a ``category_name`` (SAHI's lists and ours), that names the class. Else
    ``category_id`` is a number of ``truth.classes``; but Ultralytics numbers from 1 what its labels number from 0, so
    if ``truth.classes`` are 0 to n - 1 the list may be of either kind: from 0 if it has a 0, from 1 if it has an n or
    ``file_name`` entries. If nothing tells, that is an error; ``first_category`` settles it.

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
    file = Path(file)
    content = load_json(file)
    if isinstance(content, dict):
        raise DataError(f"{file} holds one object; results are a list, which is [] if nothing was found")
    table = Table(file, "results", content)
    boxes, score = table.boxes(), table.numbers("score")
    category = _categories(table, truth, first_category)
    image = _images(table, truth)
    order = np.argsort(image, kind="stable")
    return Detections(image[order], boxes[order], category[order], score[order])


def write_results(file: Path | str, truth: GroundTruth, detections: Detections) -> None:
    """Write detections as a list that :func:`read_results` takes back unchanged.

    ``image_id`` is the id of ``instances.json`` if the objects come from one, else the image's name; ``category_id``
    the number in ``truth.classes`` and ``category_name`` its name, ``null`` for a category that is not evaluated.

    Raises:
        ArgumentError: The file can't be written there.
    """
    ids: dict[str, int] = truth.ids if isinstance(truth, CocoGroundTruth) else {}
    images = [json.dumps(ids.get(name, name)) for name in truth.names]
    columns = (detections.image, detections.category, detections.boxes, detections.score)
    with finished_file(Path(file)) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        end = "[\n"
        for start in range(0, len(detections), ROWS):  # a million rows as Python objects would need gigabytes
            some = (column[start : start + ROWS].tolist() for column in columns)
            for image, category, box, score in zip(*some, strict=True):
                name = json.dumps(truth.classes.get(category))
                stream.write(
                    f'{end}{{"image_id": {images[image]}, "category_id": {category}, "category_name": {name}, '
                )
                stream.write(f'"bbox": {box}, "score": {score}}}')
                end = ",\n"
        stream.write("[\n\n]\n" if not len(detections) else "\n]\n")


def _images(table: Table, truth: GroundTruth) -> np.ndarray:
    """Index of each entry's image, shape (entries,)."""
    by_name = {name: [i] for i, name in enumerate(truth.names)}
    by_stem: dict[str, list[int]] = {}
    by_number: dict[float, list[int]] = {}
    for i, name in enumerate(truth.names):
        stem = name.rsplit("/", 1)[-1]
        by_stem.setdefault(stem, []).append(i)
        if isinstance(truth, CocoGroundTruth):
            by_number[truth.ids[name]] = [i]
        elif stem.isascii() and stem.isdigit() and len(stem) < 300:
            by_number.setdefault(int(stem), []).append(i)

    known: dict[tuple[bool, Any], int] = {}  # a list has hundreds of entries an image
    image = np.zeros(len(table), dtype=np.int64)
    for i, row in enumerate(table.rows):
        key = row.get("file_name", row.get("image_id"))
        if type(key) not in (int, float, str):
            raise table.error(i, f"no 'image_id' that is a number or a name: {key!r:.60}")
        if ("file_name" in row, key) not in known:
            if "file_name" in row:
                name = image_name(str(key))
                matches = by_name.get(name, []) if "/" in name else by_stem.get(name, [])
            elif isinstance(key, str):
                matches = by_name.get(key) or by_stem.get(key, [])
            else:
                matches = by_number.get(key, [])
            if len(matches) != 1:
                raise table.error(i, _which_image(key, matches, truth))
            known["file_name" in row, key] = matches[0]
        image[i] = known["file_name" in row, key]
    return image


def _which_image(key: str | float, matches: list[int], truth: GroundTruth) -> str:
    if matches:
        return f"image {key!r:.80} may be {' or '.join(truth.names[i] for i in matches[:3])}"
    examples = list(truth.ids.values()) if isinstance(truth, CocoGroundTruth) else list(truth.names)
    near = did_you_mean(key, truth.names) if isinstance(key, str) else ""
    return f"image {key!r:.80} is not among the {len(truth.names)} annotated ones{near} (the first is {examples[:1]})"


def _categories(table: Table, truth: GroundTruth, first_category: int | None) -> np.ndarray:
    """Category number of each entry as in ``truth.classes``, shape (entries,)."""
    category = np.array(table.whole_numbers("category_id"), dtype=np.int64)
    named = np.array(["category_name" in row for row in table.rows], dtype=bool)
    numbers = {name: number for number, name in truth.classes.items()}
    for i in np.flatnonzero(named):
        name = table.rows[i]["category_name"]
        if name is None:  # not evaluated; only protocols that give such numbers a meaning look at it
            continue
        if not isinstance(name, str) or name not in numbers:
            near = did_you_mean(str(name), numbers)
            raise table.error(int(i), f"unknown category_name {name!r:.60}{near}; known are {', '.join(numbers)}")
        category[i] = numbers[name]
    if named.all():
        return category

    if first_category is None:
        first_category = _first_category(table, set(category[~named].tolist()), truth.classes)
    if first_category is None:  # VisDrone's 0 and 11 are no classes, but its protocol gives them a meaning
        number_of = {number: number for number in [*np.unique(truth.category).tolist(), *truth.classes]}
    else:
        number_of = dict(enumerate(sorted(truth.classes), start=first_category))
    for i in np.flatnonzero(~named).tolist():
        number = number_of.get(int(category[i]))
        if number is None:
            known = ", ".join(f"{key} {truth.classes.get(value, '')}".strip() for key, value in number_of.items())
            raise table.error(i, f"unknown category_id {category[i]}; known are {known}")
        category[i] = number
    return category


def _first_category(table: Table, written: set[int], classes: dict[int, str]) -> int | None:
    """Whether a list for classes 0 to n - 1 is numbered from 0 or 1; None for other classes, taken as they stand."""
    n = len(classes)
    if sorted(classes) != list(range(n)):
        return None
    if 0 in written:
        return 0
    if n in written or any("file_name" in row for row in table.rows):
        return 1
    raise DataError(
        f"{table.file}: category_id is {', '.join(map(str, sorted(written)[:8]))}, which may be numbered from 0, as "
        f"the {n} annotated classes are, or from 1, as Ultralytics writes; say first_category=0 or first_category=1"
    )
