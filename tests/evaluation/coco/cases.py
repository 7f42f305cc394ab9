# SPDX-License-Identifier: AGPL-3.0-or-later
"""Random evaluations, and what pycocotools says about them."""

from __future__ import annotations

import contextlib
import io

import numpy as np

from yolo_fine.evaluation.sizes import Bin
from yolo_fine.formats.objects import Detections, GroundTruth


def random_case(seed: int, *, images: int = 6, classes: int = 3, crowds: bool = True, most: int = 12):
    """Objects and detections with ties, crowds, empty images, zero-size boxes and areas on the limits of bins."""
    rng = np.random.default_rng(seed)
    names = {int(number): f"class {number}" for number in rng.choice(np.arange(1, 20), classes, replace=False)}
    numbers = np.array([*names, 99])  # 99 is not evaluated
    sides = np.array([0, 1, 2, 4, 8, 8, 16, 16, 20, 32, 32, 50, 64, 96, 96, 128], dtype=np.float64)
    image, boxes, category = [], [], []
    found_in, found, found_category = [], [], []
    for i in range(images):
        count = rng.integers(0, most) * (rng.random() > 0.15)
        here = np.column_stack([rng.integers(0, 200, (count, 2)), rng.choice(sides, (count, 2))]).reshape(-1, 4)
        square = rng.random(count) < 0.5
        here[square, 3] = here[square, 2]
        kind = rng.choice(numbers, count)
        image += [i] * count
        boxes.append(here)
        category.append(kind)
        copies = rng.integers(0, 4, count)  # none, one or several detections of an object
        near = np.repeat(here, copies, axis=0)
        near = near + rng.choice([0, 0, 1, 2, 4], near.shape) * rng.choice([-1, 1], near.shape)
        wrong = np.column_stack([rng.integers(0, 200, (4, 2)), rng.choice(sides, (4, 2))])
        all_found = np.concatenate([near, wrong])
        all_found[:, 2:] = np.abs(all_found[:, 2:])
        kinds = np.concatenate([np.repeat(kind, copies), rng.choice(numbers, 4)])
        swapped = rng.random(len(kinds)) < 0.1
        kinds[swapped] = rng.choice(numbers, swapped.sum())
        order = rng.permutation(len(kinds))
        found_in += [i] * len(kinds)
        found.append(all_found[order])
        found_category.append(kinds[order])
    all_boxes = np.concatenate(boxes).reshape(-1, 4)
    area = all_boxes[:, 2] * all_boxes[:, 3]
    other = rng.random(len(area)) < 0.2  # COCO's area is that of the segmentation
    area[other] = rng.choice(sides, other.sum()) ** 2
    truth = GroundTruth(
        names=tuple(f"p{i}" for i in range(images)),
        sizes=np.full((images, 2), 300),
        classes=names,
        image=np.array(image, dtype=np.int64),
        boxes=all_boxes,
        category=np.concatenate(category).astype(np.int64),
        area=area,
        crowd=(rng.random(len(area)) < 0.15) & crowds,
    )
    detections = Detections(
        image=np.array(found_in, dtype=np.int64),
        boxes=np.concatenate(found).astype(np.float64),
        category=np.concatenate(found_category).astype(np.int64),
        score=rng.integers(0, 12, len(found_in)) / 11,  # twelve scores: many ties
    )
    return truth, detections


def pycocotools_arrays(truth: GroundTruth, detections: Detections, bins: list[Bin], limits: list[int]):
    """Precision (IoUs, recalls, classes, areas, limits) and recall (IoUs, classes, areas, limits) of pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    objects = COCO()
    objects.dataset = {
        "images": [{"id": i, "width": int(w), "height": int(h)} for i, (w, h) in enumerate(truth.sizes)],
        "categories": [{"id": number, "name": name} for number, name in truth.classes.items()],
        "annotations": [
            {
                "id": i + 1,
                "image_id": int(truth.image[i]),
                "category_id": int(truth.category[i]),
                "bbox": truth.boxes[i].tolist(),
                "area": float(truth.area[i]),
                "iscrowd": int(truth.crowd[i]),
            }
            for i in range(len(truth))
        ],
    }
    results = COCO()
    results.dataset = {
        **objects.dataset,
        "annotations": [
            {
                "id": i + 1,
                "image_id": int(detections.image[i]),
                "category_id": int(detections.category[i]),
                "bbox": detections.boxes[i].tolist(),
                "area": float(detections.boxes[i, 2] * detections.boxes[i, 3]),
                "iscrowd": 0,
                "score": float(detections.score[i]),
            }
            for i in range(len(detections))
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        objects.createIndex()
        results.createIndex()
        evaluator = COCOeval(objects, results, "bbox")
        evaluator.params.maxDets = limits
        evaluator.params.areaRng = [[0, 1e10]] + [
            [one.min_side**2, 1e10 if one.max_side is None else one.max_side**2] for one in bins
        ]
        evaluator.params.areaRngLbl = ["all", *(one.name for one in bins)]
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator.eval["precision"], evaluator.eval["recall"]


def mean(values: np.ndarray) -> float | None:
    """pycocotools' mean over what is defined."""
    return float(values[values > -1].mean()) if (values > -1).any() else None
