# SPDX-License-Identifier: AGPL-3.0-or-later
"""The protocol once more, step by step as its description reads: a painted map, loops, one detection after the other.

Slow and simple, to compare with. It shares no code with the package but the two data classes.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from yolo_fine.formats.objects import Detections, GroundTruth


def matlab_round(value: float) -> int:
    return int(Decimal(value).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def kept(box, regions, width, height) -> bool:
    """Whether a box stays, from a map painted pixel by pixel with 1-based indices."""
    if not regions:
        return True
    painted = np.zeros((height + 1, width + 1), dtype=int)
    for region in regions:
        x, y, w, h = (max(1, int(value)) for value in region)
        painted[y : min(height, y + h) + 1, x : min(width, x + w) + 1] = 1
    integral = painted.cumsum(0).cumsum(1)
    x, y, w, h = (max(1, matlab_round(value)) for value in box)
    x, y = min(width, x), min(height, y)
    x2, y2 = min(width, x + w), min(height, y + h)
    covered = integral[y, x] + integral[y2, x2] - integral[y, x2] - integral[y2, x]
    return covered / (w * h) < 0.5


def overlap(box, other, ignored) -> float:
    width = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    height = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    area = box[2] * box[3]
    return shared / (area if ignored else area + other[2] * other[3] - shared)


def flags(boxes, objects, threshold):
    """1, 0 or -1 for each box, in falling score; ``objects`` are (box, ignored) in file order."""
    objects = [entry for entry in objects if not entry[1]] + [entry for entry in objects if entry[1]]
    taken = [False] * len(objects)
    result = []
    for box in boxes:
        best, match = threshold, None
        for index, (other, ignored) in enumerate(objects):
            if taken[index]:
                continue
            if match is not None and not objects[match][1] and ignored:
                break
            found = overlap(box, other, ignored)
            if found >= best:
                best, match = found, index
        if match is None:
            result.append(0)
        elif objects[match][1]:
            result.append(-1)
        else:
            taken[match] = True
            result.append(1)
    return result


def area_under_curve(recall, precision) -> float:
    recall, precision = [0.0, *recall, 1.0], [0.0, *precision, 0.0]
    for index in range(len(precision) - 2, -1, -1):
        precision[index] = max(precision[index], precision[index + 1])
    return sum((recall[i] - recall[i - 1]) * precision[i] for i in range(1, len(recall)) if recall[i] != recall[i - 1])


def plain_score(truth: GroundTruth, detections: Detections) -> dict[str, float]:
    """The seven official metrics in percent; NaN if there is no object."""
    thresholds = [0.5 + i * 0.05 for i in range(10)]
    objects_of, boxes_of = [], []
    for image in range(len(truth.names)):
        width, height = truth.sizes[image].tolist()
        rows = np.flatnonzero(truth.image == image)
        regions = [truth.boxes[row].tolist() for row in rows if truth.category[row] == 0]
        rows = [row for row in rows if truth.category[row] != 0 and kept(truth.boxes[row], regions, width, height)]
        objects_of.append([(int(truth.category[r]), truth.boxes[r].tolist(), bool(truth.crowd[r])) for r in rows])
        rows = np.flatnonzero(detections.image == image)
        rows = [row for row in rows if kept(detections.boxes[row], regions, width, height)]
        boxes_of.append(
            [(int(detections.category[r]), detections.boxes[r].tolist(), float(detections.score[r])) for r in rows]
        )

    ap, ar, listed = {}, {}, []
    for number in range(1, 11):
        total = sum(category == number for objects in objects_of for category, _, _ in objects)
        for objects in objects_of:
            listed += [number] if any(category == number for category, _, _ in objects) else []
        for t, threshold in enumerate(thresholds):
            for limit in (1, 10, 100, 500):
                found = []
                for objects, boxes in zip(objects_of, boxes_of, strict=True):
                    mine = [(score, box) for category, box, score in boxes[:limit] if category == number]
                    mine.sort(key=lambda entry: -entry[0])
                    others = [(box, ignored) for category, box, ignored in objects if category == number]
                    found += zip(
                        [score for score, _ in mine],
                        flags([box for _, box in mine], others, threshold),
                        strict=True,
                    )
                found.sort(key=lambda entry: -entry[0])
                tp = fp = 0
                recall, precision = [], []
                for _, flag in found:
                    tp, fp = tp + (flag == 1), fp + (flag == 0)
                    recall.append(tp / max(1, total))
                    precision.append(tp / max(1, tp + fp))
                ar[number, t, limit] = 100 * max(recall, default=0.0)
                if limit == 500:
                    ap[number, t] = 100 * area_under_curve(recall, precision)

    def mean(values):
        values = list(values)
        return math.fsum(values) / len(values) if values else math.nan

    return {
        "AP": mean(ap[number, t] for number in listed for t in range(10)),
        "AP50": mean(ap[number, 0] for number in listed),
        "AP75": mean(ap[number, 5] for number in listed),
        **{f"AR{m}": mean(ar[number, t, m] for number in listed for t in range(10)) for m in (1, 10, 100, 500)},
    }
