# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a model's own predictions are assigned, by size: positives, vanishing labels, share of the loss."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.assigning.result import EDGES, LabelBin
from yolo_fine.assigning.rules import Rule
from yolo_fine.errors import DataError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.integration.assign_settings import AssignSettings
from yolo_fine.integration.datasets import read_pixels
from yolo_fine.integration.stock_assigner import assigned_labels
from yolo_fine.utils.arrays import Array

GREY = 114  # Ultralytics' padding
VANISHING = 0.01


def count_labels(
    detector: Any, truth: GroundTruth, imgsz: int, images: int, rule: Rule | None
) -> tuple[list[LabelBin], str]:
    """Run the model on some images, evenly chosen among those with objects, and see what its assigner does.

    Args:
        detector: An ``ultralytics.YOLO``; its classes are taken by their number, as in training.
        truth: The objects, with the images' files.
        imgsz: Side of the network's input.
        images: How many images.
        rule: A rule other than stock, or None.

    Returns:
        A bin for each size, and a note that says on how many images.

    Raises:
        DataError: The images are not at hand.
    """
    if truth.files is None:
        raise DataError("weights=True needs the images, and the split has none")
    present = np.unique(truth.image)
    chosen = present[np.unique(np.linspace(0, len(present) - 1, min(images, len(present))).astype(int))]
    numbers = {category: index for index, category in enumerate(sorted(truth.classes))}
    classes = len(detector.model.names)
    pixels, objects = [], []
    for index in chosen:
        rows = truth.image == index
        image, boxes = letterbox(truth.files[index], truth.boxes[rows], imgsz)
        category = np.array([numbers[number] % classes for number in truth.category[rows]], dtype=np.float64)
        pixels.append(image)
        objects.append(np.column_stack([category, boxes]))
    settings = None if rule is None else AssignSettings(floor=rule.count_as)
    found = assigned_labels(detector, pixels, objects, settings)
    total = max(float(found.total.sum()), 1e-12)
    bins = []
    for low, high in [*pairwise(EDGES), (0.0, np.inf)]:
        own = (found.size >= low) & (found.size < high)
        if own.any():
            name = "all" if (low, high) == (0.0, np.inf) else f"{low:g}+" if np.isinf(high) else f"{low:g}-{high:g}"
            bins.append(
                LabelBin(
                    name=name,
                    objects=int(own.sum()),
                    positives=float(found.positives[own].mean()),
                    no_positive=float((found.positives[own] == 0).mean()),
                    vanishing=float((found.best[own] < VANISHING).mean()),
                    best=float(found.best[own].mean()),
                    loss_share=float(found.total[own].sum()) / total,
                )
            )
    return bins, f"assigned labels: {len(chosen)} images, no augmentation"


def letterbox(file: Path, boxes: Array, imgsz: int) -> tuple[Array, Array]:
    """An image on a square with grey padding, RGB, and its boxes as normalised centre and sides."""
    import cv2

    image = read_pixels(file)
    height, width = image.shape[:2]
    ratio = imgsz / max(height, width)
    new = (min(int(np.ceil(width * ratio)), imgsz), min(int(np.ceil(height * ratio)), imgsz))
    if new != (width, height):
        image = cv2.resize(image, new, interpolation=cv2.INTER_LINEAR)
    left, top = (round((imgsz - side) / 2 - 0.1) for side in new)
    square = np.full((imgsz, imgsz, 3), GREY, dtype=np.uint8)
    square[top : top + new[1], left : left + new[0]] = image[:, :, :3]
    scale = np.array([new[0] / width, new[1] / height])
    centre = (boxes[:, :2] + boxes[:, 2:] / 2) * scale + [left, top]
    return square[:, :, ::-1], np.concatenate([centre, boxes[:, 2:] * scale], axis=1) / imgsz
