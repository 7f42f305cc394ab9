# SPDX-License-Identifier: AGPL-3.0-or-later
"""All misses of a detector as a COCO file with attributes, which FiftyOne and CVAT read: see docs/misses.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolo_fine._version import __version__
from yolo_fine.evaluation.metrics import SizeBin
from yolo_fine.evaluation.report.misses import Miss, find_misses
from yolo_fine.formats.coco_files import CocoGroundTruth
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.files import write_json


def write_misses(file: Path, truth: GroundTruth, detections: Detections, bins: Sequence[SizeBin]) -> None:
    """Write every mistake at the confidence of the best F1, at IoU 0.50.

    Args:
        file: The JSON file.
        truth: The annotated objects.
        detections: The detector's boxes.
        bins: Size bins, for ``object_size``.

    Raises:
        ArgumentError: The file can't be written there.
    """
    misses = find_misses(truth, detections, bins, limit=len(truth) + len(detections))
    ids = truth.ids if isinstance(truth, CocoGroundTruth) else {}
    numbers = [ids.get(name, index) for index, name in enumerate(truth.names, 1)]
    images = [
        {
            "id": numbers[index],
            "file_name": name + (truth.files[index].suffix if truth.files else ""),
            "width": int(truth.sizes[index][0]),
            "height": int(truth.sizes[index][1]),
        }
        for index, name in enumerate(truth.names)
    ]
    ordered = sorted(misses.worst, key=lambda miss: miss.image)
    first = 1 if 0 in truth.classes else 0  # added to every category: readers of COCO take 0 for "no class"
    annotations = [
        {
            "id": number,
            "image_id": numbers[miss.image],
            "category_id": miss.category + first,
            **annotation(miss, truth),
        }
        for number, miss in enumerate(ordered, 1)
    ]
    about = f"misses at confidence {misses.confidence:.4g} and IoU 0.50, by yolo_fine {__version__}"
    categories = [{"id": number + first, "name": name} for number, name in truth.classes.items()]
    content = {"info": {"description": about}, "images": images, "categories": categories, "annotations": annotations}
    write_json(file, content)


def annotation(miss: Miss, truth: GroundTruth) -> dict[str, Any]:
    """One miss: the missed object, or the wrong detection; what is known of it twice, as each reader wants it."""
    attributes: dict[str, Any] = {
        "kind": miss.kind,
        "object_size": miss.size,
        "score": None if miss.score is None else round(miss.score, 4),
        "iou": round(miss.iou, 4),
        "other_class": None if miss.partner_category is None else truth.classes[miss.partner_category],
    }
    known = {key: value for key, value in attributes.items() if value is not None}
    left, top, width, height = (round(float(side), 2) for side in miss.box)
    return {
        "bbox": [left, top, width, height],
        "area": round(width * height, 2),
        "segmentation": [],
        "iscrowd": 0,
        "attributes": known,  # CVAT
        **known,  # FiftyOne
    }
