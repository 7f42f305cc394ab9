# SPDX-License-Identifier: AGPL-3.0-or-later
"""AP of the reference and of the file on the val images of a dataset, by the same code on the same pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.classes import match_classes
from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.exporter.proof.boxes import final_boxes
from yolo_fine.exporter.proof.images import letterbox
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.integration.datasets import read_pixels
from yolo_fine.integration.export_reference import Reference
from yolo_fine.utils.arrays import Array

Run = Callable[[Array], list[Array]]
LEAST = 0.001  # confidence


@dataclass(frozen=True)
class Accuracy:
    """COCO's metrics of both, and file minus reference.

    Attributes:
        data: The dataset.
        images: Number of val images.
        torch: AP, AP50, AP75 and AP_small of the reference; None where undefined.
        file: The same of the file.
        difference: File minus reference.
    """

    data: str
    images: int
    torch: dict[str, float | None]
    file: dict[str, float | None]
    difference: dict[str, float | None]


def categories_of(reference: Reference, truth: GroundTruth, data: str) -> dict[int, int]:
    """Class of the model -> category of the ground truth.

    Raises:
        ArgumentError: The model's boxes are not upright ones.
        DataError: Its classes and those of the data don't match.
    """
    if reference.layout == "plain" or reference.task == "obb":
        raise ArgumentError(f"data={data}: AP is for upright boxes, and this model's task is '{reference.task}'")
    return match_classes(reference.names, truth.classes)


def compare_accuracy(reference: Reference, run: Run, truth: GroundTruth, data: str) -> Accuracy:
    """Evaluate both on whole images, letterboxed to the export size.

    Raises:
        ArgumentError: The model's boxes are not upright ones.
        DataError: Its classes and those of the data don't match.
    """
    categories = categories_of(reference, truth, data)
    metrics = []
    for side in (reference.run, run):
        found = _detect(reference, side, truth, categories)
        score = evaluate_coco(truth, found, parse_sizes("coco"), max_det=500)
        metrics.append({key: score.metrics.get(key) for key in ("AP", "AP50", "AP75", "AP_small")})
    ours, theirs = metrics
    difference: dict[str, float | None] = {}
    for key in ours:
        one, two = ours[key], theirs[key]
        difference[key] = None if one is None or two is None else two - one
    return Accuracy(data, len(truth.names), ours, theirs, difference)


def _detect(reference: Reference, run: Run, truth: GroundTruth, categories: dict[int, int]) -> Detections:
    """Boxes on every image of the ground truth."""
    height, width = reference.imgsz
    rows = [np.zeros((0, 7))]
    for index, file in enumerate(truth.files or ()):
        fitted = letterbox(read_pixels(file), height, width)
        output = run(np.stack([fitted.pixels] * reference.batch))[0][:1]
        boxes = final_boxes(output, reference.layout, len(reference.names), (height, width), conf=LEAST, max_det=500)[0]
        boxes[:, :4] = (boxes[:, :4] - [fitted.left, fitted.top] * 2) / fitted.scale
        wide, tall = truth.sizes[index]
        boxes[:, :4] = boxes[:, :4].clip(0, [wide, tall, wide, tall])
        boxes[:, 5] = [categories.get(int(label), -1) for label in boxes[:, 5]]
        rows.append(np.column_stack([np.full(len(boxes), index), boxes])[boxes[:, 5] >= 0])
    columns = np.concatenate(rows)
    return Detections(
        image=columns[:, 0].astype(np.int64),
        boxes=np.column_stack([columns[:, 1:3], columns[:, 3:5] - columns[:, 1:3]]),
        category=columns[:, 6].astype(np.int64),
        score=columns[:, 5].copy(),
    )
