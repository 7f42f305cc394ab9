# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO's ``instances.json``: annotated objects.

Boxes are taken as they stand, also where they leave the image, as pycocotools does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.coco_json import Table, load_json
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.utils.hints import did_you_mean


@dataclass(frozen=True)
class CocoGroundTruth(GroundTruth):
    """Objects of a COCO file, which knows its images by number: ``ids`` gives that of each name."""

    ids: dict[str, int] = field(default_factory=dict)


def read_instances(file: Path | str, *, images: Path | str | None = None) -> CocoGroundTruth:
    """Read ``instances.json``.

    Images come in the order of their ids and are named by ``file_name`` without suffix. ``area`` and ``iscrowd`` are
    the file's; where an annotation has none, its area is the box's and it is no crowd.

    Args:
        file: The JSON file, with ``images``, ``annotations`` and ``categories``.
        images: Folder that ``file_name`` is relative to, if the images are at hand.

    Returns:
        The objects; ``classes`` are the file's categories by id.

    Raises:
        MissingFileError: There is no such file.
        DataError: It is malformed. The message names the entry and the value.
    """
    file = Path(file)
    content = load_json(file)
    if not isinstance(content, dict):
        what = "a list, as of results" if isinstance(content, list) else "no object"
        raise DataError(f"{file} holds {what}; annotations need 'images', 'annotations' and 'categories'")
    for key in ("images", "annotations", "categories"):
        if key not in content:
            raise DataError(f"{file} has no '{key}'{did_you_mean(key, content)}; annotations need that list")
    image_table, annotations, categories = (
        Table(file, key, content[key]) for key in ("images", "annotations", "categories")
    )
    class_names = categories.texts("name")
    _refuse_twice(categories, "name", class_names)
    classes = dict(zip(_unique_numbers(categories, "id"), class_names, strict=True))
    ids = _unique_numbers(image_table, "id")
    names = [image_name(text) for text in image_table.texts("file_name")]
    _refuse_twice(image_table, "file_name", names)
    sizes = np.array(
        [image_table.whole_numbers("width"), image_table.whole_numbers("height")], dtype=np.int64
    ).T.reshape(-1, 2)
    for i, (width, height) in enumerate(sizes.tolist()):
        if not width or not height:
            raise image_table.error(i, f"an image of {width}x{height} pixels")
    by_id = sorted(range(len(ids)), key=lambda i: ids[i])
    place = {ids[i]: index for index, i in enumerate(by_id)}

    category = annotations.whole_numbers("category_id")
    image = annotations.whole_numbers("image_id")
    for i, (one, number) in enumerate(zip(image, category, strict=True)):
        if one not in place:
            raise annotations.error(i, f"image_id {one} is not among the {len(ids)} images")
        if number not in classes:
            raise annotations.error(i, f"category_id {number} is not among the categories {sorted(classes)}")
    boxes = annotations.boxes()
    box_areas = (boxes[:, 2] * boxes[:, 3]).tolist()
    area = annotations.numbers(
        "area", [row.get("area", own) for row, own in zip(annotations.rows, box_areas, strict=True)]
    )
    crowd = [row.get("iscrowd", 0) for row in annotations.rows]
    for i, flag in enumerate(crowd):
        if flag not in (0, 1):
            raise annotations.error(i, f"'iscrowd' must be 0 or 1, not {flag!r}")
        if area[i] < 0:
            raise annotations.error(i, f"'area' must not be negative, and is {area[i]:g}")

    index = np.array([place[one] for one in image], dtype=np.int64)
    order = np.argsort(index, kind="stable")
    return CocoGroundTruth(
        names=tuple(names[i] for i in by_id),
        sizes=sizes[by_id],
        classes=classes,
        image=index[order],
        boxes=boxes[order],
        category=np.array(category, dtype=np.int64)[order],
        area=area[order],
        crowd=np.array(crowd, dtype=bool)[order],
        files=None if images is None else _files(image_table, by_id, Path(images)),
        ids={names[i]: ids[i] for i in by_id},
    )


def image_name(file_name: str) -> str:
    """An image's name: its file name without suffix, folders kept."""
    path = PurePosixPath(file_name.replace("\\", "/"))
    return str(path.with_suffix("")) if path.name else file_name


def _unique_numbers(table: Table, key: str) -> list[int]:
    """Whole numbers that may occur once."""
    numbers = table.whole_numbers(key)
    _refuse_twice(table, key, numbers)
    return numbers


def _refuse_twice(table: Table, key: str, values: Sequence[int | str]) -> None:
    first: dict[int | str, int] = {}
    for i, value in enumerate(values):
        if first.setdefault(value, i) != i:
            raise table.error(i, f"'{key}' {value!r} is taken by {table.name}[{first[value]}]")


def _files(image_table: Table, by_id: list[int], folder: Path) -> tuple[Path, ...]:
    """The images themselves, which must all be there."""
    files = [folder / str(image_table.rows[i]["file_name"]) for i in by_id]
    for i, file in zip(by_id, files, strict=True):
        if not file.is_file():
            raise image_table.error(i, f"there is no image {file}")
    return tuple(files)
