# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads COCO's ``instances_*.json`` and makes YOLO labels of it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from yolo_fine.errors import DataError


@dataclass(frozen=True)
class Instances:
    """One instances file, as YOLO labels.

    Attributes:
        classes: Class names; their order is that of the category numbers, without gaps.
        labels: Image file name -> lines of its label file, maybe none.
        annotations: Annotations in the file.
        crowd: Of these, crowds (left out of the labels).
        zero_size: Of these, boxes without width or height (left out).
        repeated: Of these, repetitions of an equal row (left out).
    """

    classes: tuple[str, ...]
    labels: dict[PurePosixPath, list[str]]
    annotations: int
    crowd: int
    zero_size: int
    repeated: int


def read_instances(content: bytes, where: str) -> Instances:
    """Read an instances file.

    Labels are those that ``ultralytics.data.converter.convert_coco`` makes: crowds, boxes without area and repeated
    rows left out, centre and size as shares of the image with six significant digits, not clipped.

    Args:
        content: The file.
        where: What messages call it.

    Raises:
        DataError: The file is no such JSON, or an entry is broken; the message names the entry's id.
    """
    try:
        data = json.loads(content)
    except ValueError as error:  # also UnicodeDecodeError
        raise DataError(f"{where} is no JSON: {error}") from error
    if not isinstance(data, dict) or not all(isinstance(data.get(key), list) for key in _KEYS):
        raise DataError(f"{where} is no COCO instances file: it needs the lists {', '.join(_KEYS)}")
    numbers, classes = _read_classes(data["categories"], where)
    images = _read_images(data["images"], where)
    rows: dict[Any, dict[tuple[float, ...], None]] = {number: {} for number in images}
    counts = {"crowd": 0, "zero_size": 0, "repeated": 0}
    for annotation in data["annotations"]:
        image, box = _read_annotation(annotation, images, numbers, where)
        if annotation.get("iscrowd"):
            counts["crowd"] += 1
        elif box[2] <= 0 or box[3] <= 0:
            counts["zero_size"] += 1
        else:
            _, width, height = images[image]
            x, y, w, h = box
            row = (numbers[annotation["category_id"]], (x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
            counts["repeated"] += row in rows[image]
            rows[image][row] = None
    labels = {file: [_line(row) for row in rows[number]] for number, (file, _, _) in images.items()}
    return Instances(classes, labels, len(data["annotations"]), **counts)


_KEYS = ("images", "annotations", "categories")


def _line(row: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in row) + "\n"


def _read_classes(categories: list[Any], where: str) -> tuple[dict[Any, int], tuple[str, ...]]:
    """Category number -> class number, and class names."""
    try:
        named = {int(category["id"]): str(category["name"]) for category in categories}
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(f"{where}: a category without id or name ({error})") from error
    if len(named) < len(categories) or not named:
        raise DataError(f"{where}: {len(categories)} categories with {len(named)} different ids")
    numbers = sorted(named)
    return {number: index for index, number in enumerate(numbers)}, tuple(named[number] for number in numbers)


def _read_images(entries: list[Any], where: str) -> dict[Any, tuple[PurePosixPath, float, float]]:
    """Image id -> file name, width, height."""
    images: dict[Any, tuple[PurePosixPath, float, float]] = {}
    for entry in entries:
        try:
            number, file = entry["id"], PurePosixPath(str(entry["file_name"]))
            width, height = float(entry["width"]), float(entry["height"])
            known = number in images
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(f"{where}: an image without id, file_name, width or height: {str(entry)[:120]}") from error
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise DataError(f"{where}: image {number} ({file}) has the size {width:g} x {height:g}")
        if file.is_absolute() or ".." in file.parts:
            raise DataError(f"{where}: image {number} lies outside of the image folder: {file}")
        if known:
            raise DataError(f"{where}: two images have the id {number}")
        images[number] = (file, width, height)
    if len({file.with_suffix("") for file, _, _ in images.values()}) < len(images):
        raise DataError(f"{where}: two images have the same file name, and would share a label file")
    return images


def _read_annotation(
    annotation: Any, images: dict[Any, Any], numbers: dict[Any, int], where: str
) -> tuple[Any, list[float]]:
    """Image id, and left, top, width, height in pixels."""
    name = annotation.get("id") if isinstance(annotation, dict) else annotation
    try:
        box = [float(value) for value in annotation["bbox"]]
        image, category = annotation["image_id"], annotation["category_id"]
        unknown_image, unknown_category = image not in images, category not in numbers
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DataError(f"{where}: annotation {name} lacks a bbox of numbers, image_id or category_id") from error
    if len(box) != 4 or not all(map(math.isfinite, box)):
        raise DataError(f"{where}: annotation {name} has the box {annotation['bbox']}; four finite numbers expected")
    if unknown_image:
        raise DataError(f"{where}: annotation {name} belongs to image {image!r}, which is not in the file")
    if unknown_category:
        raise DataError(f"{where}: annotation {name} has category {category!r}, which is not in the file")
    return image, box
