# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random images that provoke the protocol's rules: ties, crowds of overlapping boxes, boxes past the border."""

from __future__ import annotations

import numpy as np

from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.formats.visdrone_files import CLASSES


def draw_scene(seed: int, images: int = 4, ties: bool = True) -> tuple[GroundTruth, Detections]:
    """Few classes and small images, so that boxes meet; half of the boxes have coordinates in halves of a pixel."""
    random = np.random.default_rng(seed)
    sizes = random.integers(40, 90, (images, 2))
    category_pool = np.append(random.choice(np.arange(1, 11), random.integers(1, 4), replace=False), [11, 0])
    objects, boxes = [], []
    for image in range(images):
        extent = np.append(sizes[image], sizes[image])
        for _ in range(random.integers(0, 12)):
            category = random.choice(category_pool, p=_shares(len(category_pool)))
            largest = 25 if category else 50
            box = np.append(random.integers(-3, extent[:2]), random.integers(0, largest, 2))
            objects.append((image, box, category, random.random() < 0.2 and 0 < category < 11))
            for _ in range(random.integers(0, 4)):  # detections near it, in steps that make equal overlaps likely
                moved = box + random.integers(-4, 5, 4) / random.choice([1, 2])
                moved[2:] = np.maximum(0, moved[2:])
                boxes.append((image, moved, category if random.random() < 0.8 else random.choice(category_pool)))
        for _ in range(random.integers(0, 12)):
            moved = random.integers(-10, extent + 10) / 2
            boxes.append((image, np.append(moved[:2], np.abs(moved[2:])), random.integers(-1, 14)))
    order = random.permutation(len(boxes))
    boxes = sorted((boxes[index] for index in order), key=lambda entry: entry[0])  # unsorted within the image
    truth_boxes = np.array([entry[1] for entry in objects], dtype=np.float64).reshape(-1, 4)
    truth = GroundTruth(
        names=tuple(f"p{index}" for index in range(images)),
        sizes=sizes,
        classes=dict(CLASSES),
        image=np.array([entry[0] for entry in objects], dtype=np.int64),
        boxes=truth_boxes,
        category=np.array([entry[2] for entry in objects], dtype=np.int64),
        area=truth_boxes[:, 2] * truth_boxes[:, 3],
        crowd=np.array([entry[3] for entry in objects], dtype=bool),
    )
    score = random.integers(0, 8, len(boxes)) / 8 if ties else random.permutation(len(boxes)) / max(1, len(boxes))
    return truth, Detections(
        image=np.array([entry[0] for entry in boxes], dtype=np.int64),
        boxes=np.array([entry[1] for entry in boxes], dtype=np.float64).reshape(-1, 4),
        category=np.array([entry[2] for entry in boxes], dtype=np.int64),
        score=score.astype(np.float64),
    )


def _shares(categories: int) -> np.ndarray:
    """Mostly evaluated classes, then others, then ignored regions."""
    shares = np.ones(categories)
    shares[-2:] = 0.4, 0.7
    return shares / shares.sum()
