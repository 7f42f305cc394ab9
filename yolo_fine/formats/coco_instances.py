# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO's ``instances.json``: annotated objects.

Boxes are taken as they stand, also where they leave the image, as pycocotools does.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.coco_json import read_file, read_lists
from yolo_fine.formats.coco_table import Table
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.hints import did_you_mean


@dataclass(frozen=True)
class CocoGroundTruth(GroundTruth):
    """Objects of a COCO file, which knows its images by number or text.

    Attributes:
        ids: Name of the image -> its id.
        file_names: Of the images, as the file has them.
    """

    ids: dict[str, int | str] = field(default_factory=dict)
    file_names: tuple[str, ...] = ()


def read_instances(file: Path | str, *, images: Path | str | None = None) -> CocoGroundTruth:
    """Read ``instances.json``; see :func:`parse_instances`.

    Args:
        file: The JSON file.
        images: Folder that ``file_name`` is relative to, if the images are at hand.

    Raises:
        MissingFileError: There is no such file.
        DataError: It is malformed, or an image is not there. The message names the entry and the value.
    """
    folder = None if images is None else Path(images)
    return parse_instances(read_file(Path(file)), str(file), folder)


def parse_instances(content: bytes, place: str, folder: Path | None = None) -> CocoGroundTruth:
    """Read the content of an ``instances.json``.

    Images come in the order of their ids and are named by ``file_name`` without suffix. ``area`` and ``iscrowd`` are
    the file's; where an annotation has none, its area is the box's and it is no crowd.

    Args:
        content: The file, with ``images``, ``annotations`` and ``categories``.
        place: What messages call it.
        folder: Folder of the images, if they are at hand.

    Returns:
        The objects; ``classes`` are the file's categories by id.

    Raises:
        DataError: It is malformed, or an image is not there. The message names the entry and the value.
    """
    readers = {"images": _read_images, "annotations": _read_annotations, "categories": _read_categories}
    found = read_lists(content, place, readers)
    for key in readers:
        if key not in found:
            raise DataError(f"{place} has no '{key}'{did_you_mean(key, found)}; annotations need that list")

    numbers, class_names = (_joined(column) for column in zip(*found["categories"], strict=True))
    for key, column in (("name", class_names), ("id", numbers.tolist())):
        _refuse_twice(place, "categories", key, column)
    classes = dict(zip(map(int, numbers), class_names, strict=True))

    ids, file_names, sizes = (_joined(column) for column in zip(*found["images"], strict=True))
    names = [image_name(file_name) for file_name in file_names]
    _refuse_twice(place, "images", "id", ids)
    _refuse_twice(place, "images", "file_name", names, file_names)
    for i, one in enumerate(ids):
        if type(one) is not type(ids[0]):
            raise DataError(
                f"{place}: images[{i}]: 'id' is {one!r:.60}, and that of images[0] {ids[0]!r:.60}; make all "
                "numbers or all texts"
            )
    by_id = sorted(range(len(ids)), key=ids.__getitem__)
    index_of = {ids[i]: index for index, i in enumerate(by_id)}
    files = None if folder is None else tuple(folder / file_names[i].replace("\\", "/") for i in by_id)
    for i, file in zip(by_id, files or (), strict=False):
        if not file.is_file():
            raise DataError(f"{place}: images[{i}]: there is no image {file}")

    image_ids, category, boxes, area, crowd = (_joined(column) for column in zip(*found["annotations"], strict=True))
    image = np.array([index_of.get(one, -1) for one in image_ids], dtype=np.int64)
    for wrong, key, column, known in (
        (image < 0, "image_id", image_ids, f"the {len(ids)} images"),
        (~np.isin(category, list(classes)), "category_id", category, f"the categories {sorted(classes)}"),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            raise DataError(f"{place}: annotations[{i}]: {key} {column[i]!s:.60} is not among {known}")
    order = np.argsort(image, kind="stable")
    return CocoGroundTruth(
        names=tuple(names[i] for i in by_id),
        sizes=sizes[by_id].reshape(-1, 2),
        classes=classes,
        image=image[order],
        boxes=boxes[order],
        category=category[order],
        area=area[order],
        crowd=crowd[order],
        files=files,
        notes=_notes(boxes, area),
        ids={names[i]: ids[i] for i in by_id},
        file_names=tuple(file_names[i] for i in by_id),
    )


def image_name(file_name: str) -> str:
    """An image's name: its file name without suffix, folders kept."""
    path = PurePosixPath(file_name.replace("\\", "/"))
    return str(path.with_suffix("")) if path.name else file_name


def _read_images(table: Table) -> tuple[list[int | str], list[str], Array]:
    """Ids, file names, and sizes, shape (images, 2), int64."""
    sizes = np.stack([table.whole_numbers("width"), table.whole_numbers("height")], axis=1)
    for i in np.flatnonzero((sizes == 0).any(axis=1)).tolist():
        raise table.error(i, f"an image of {sizes[i, 0]}x{sizes[i, 1]} pixels")
    return table.ids("id"), table.texts("file_name"), sizes


def _read_categories(table: Table) -> tuple[Array, list[str]]:
    return table.whole_numbers("id"), table.texts("name")


def _read_annotations(table: Table) -> tuple[list[int | str], Array, Array, Array, Array]:
    """Image ids, categories, boxes, areas, crowds."""
    boxes = table.boxes()
    own = (boxes[:, 2] * boxes[:, 3]).tolist()
    area = table.numbers("area", [row.get("area", size) for row, size in zip(table.rows, own, strict=True)])
    crowd = [row.get("iscrowd", 0) for row in table.rows]
    for i, flag in enumerate(crowd):
        if flag not in (0, 1):
            raise table.error(i, f"'iscrowd' must be 0 or 1, not {flag!r}")
    for i in np.flatnonzero(area < 0).tolist():
        raise table.error(i, f"'area' must not be negative, and is {area[i]:g}")
    return table.ids("image_id"), table.whole_numbers("category_id"), boxes, area, np.array(crowd, dtype=bool)


def _joined(column: Sequence[Any]) -> Any:
    """Parts of a column, put together: arrays or lists."""
    return np.concatenate(column) if isinstance(column[0], np.ndarray) else [value for part in column for value in part]


def _refuse_twice(
    place: str, table: str, key: str, values: Sequence[Hashable], written: Sequence[str] | None = None
) -> None:
    """Refuse what may occur once; ``written`` are the values in full, where it is their beginnings that may not.

    Raises:
        DataError: It occurs twice.
    """
    first: dict[Hashable, int] = {}
    for i, value in enumerate(values):
        before = first.setdefault(value, i)
        if before == i:
            continue
        where = f"{place}: {table}[{i}]: '{key}'"
        if written is None or written[i] == written[before]:
            raise DataError(f"{where} {(value if written is None else written[i])!r} is taken by {table}[{before}]")
        raise DataError(
            f"{where} {written[i]!r} and {written[before]!r} of {table}[{before}] differ in nothing but their "
            "suffixes, so they share a label file, and detections that name one may mean the other; rename one of them"
        )


def _notes(boxes: Array, area: Array) -> tuple[str, ...]:
    """What the areas mean for metrics by size."""
    empty = int(((area == 0) & (boxes[:, 2:].min(axis=1, initial=np.inf) > 0)).sum())
    if not empty:
        return ()
    return (
        f"'area' is 0 for {empty} of {len(area)} objects, which therefore count as of the smallest size; without "
        "'area', an object has the area of its box",
    )
