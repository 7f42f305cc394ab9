# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO's metrics where each image counts as often as a weight says.

The matches are our own, because hotcoco gives its own only as a Python object for each image, class and size. With
every weight 1 the metrics are the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_fine.evaluation.coco.score import IOU_50, IOU_75, area_ranges
from yolo_fine.evaluation.curves import ClassCurves, best_from_there, class_curves, count
from yolo_fine.evaluation.matching import LEAST_OVERLAP, candidates, match
from yolo_fine.evaluation.pairs import overlapping_pairs
from yolo_fine.evaluation.sizes import Bin
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class CocoCurves:
    """The curves of every class in every area range.

    Attributes:
        bins: The size bins.
        curves: ``curves[area][class]``; the first area is all areas, the others are the bins.
    """

    bins: tuple[Bin, ...]
    curves: list[list[ClassCurves]]

    @property
    def longest(self) -> int:
        """The largest number of detections in one list."""
        return max((len(one.listed) for area in self.curves for one in area), default=0)

    def metrics(self, weights: Array) -> dict[str, dict[str, Array]]:
        """Headline metrics under each row of weights.

        Args:
            weights: How often each image counts, shape (rows, images), int32.

        Returns:
            ``coco``: AP, AP50, AP75, and AP_<bin> and AR_<bin> of each size bin -> shape (rows,), NaN where undefined.
        """
        # area, precision or recall, class, threshold, row
        pooled = np.full((len(self.curves), 2, len(self.curves[0]), len(IOU_THRESHOLDS), len(weights)), np.nan)
        for a, by_class in enumerate(self.curves):
            for k, curves in enumerate(by_class):
                pooled[a, :, k] = _pool(curves, weights)
        precision = pooled[0, 0]
        metrics = {"AP": _defined_mean(precision)}
        metrics |= {name: _defined_mean(precision[:, [t]]) for name, t in (("AP50", IOU_50), ("AP75", IOU_75))}
        for bin_, (of_bin, recall) in zip(self.bins, pooled[1:], strict=True):
            metrics |= {f"AP_{bin_.name}": _defined_mean(of_bin), f"AR_{bin_.name}": _defined_mean(recall)}
        return {"coco": metrics}


def coco_curves(truth: GroundTruth, detections: Detections, bins: Sequence[Bin], max_det: int) -> CocoCurves:
    """Match detections with objects by COCO's rules: see :func:`yolo_fine.evaluation.coco.score.evaluate_coco`."""
    found = candidates(
        truth, detections, overlapping_pairs(truth, detections, LEAST_OVERLAP), _among_best(detections, max_det)
    )
    area = (detections.boxes[:, 2] * detections.boxes[:, 3])[found.row]
    classes = sorted(truth.classes)
    curves = []
    for low, high in area_ranges(bins):
        ignored = truth.crowd | (truth.area < low) | (truth.area > high)
        hit, neutral = match(found, ignored, IOU_THRESHOLDS)
        neutral |= ~hit & ((area < low) | (area > high))
        curves.append(
            [
                class_curves(
                    truth.image[(truth.category == number) & ~ignored],
                    *(column[..., found.column == k] for column in (found.image, hit, neutral)),
                )
                for k, number in enumerate(classes)
            ]
        )
    return CocoCurves(tuple(bins), curves)


def _among_best(detections: Detections, limit: int) -> Array:
    """Which detections are among the ``limit`` best of their class in their image, shape (detections,), bool."""
    order = np.lexsort((-detections.score, detections.category, detections.image))
    image, category = detections.image[order], detections.category[order]
    begins = np.append(True, (image[1:] != image[:-1]) | (category[1:] != category[:-1]))[: len(order)]
    place = np.arange(len(order)) - np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
    allowed = np.zeros(len(order), dtype=bool)
    allowed[order] = place < limit
    return allowed


def _pool(curves: ClassCurves, weights: Array) -> tuple[Array, Array]:
    """Mean precision over 101 recalls, and recall with all detections: (thresholds, rows), NaN without objects."""
    objects = count(weights, curves.objects)
    needed = _hits_needed(objects)
    precision, recall = (np.zeros((len(curves.curves), len(weights))) for _ in range(2))
    for t, (_, hits, found) in enumerate(curves.under(weights)):
        if hits.shape[1]:
            recall[t] = hits[:, -1] / np.maximum(objects, 1)
            precision[t] = _at(needed, hits, found).mean(axis=1)
    precision[:, objects == 0], recall[:, objects == 0] = np.nan, np.nan
    return precision, recall


def _hits_needed(objects: Array) -> Array:
    """Fewest hits that reach each recall, (rows,) -> (rows, recalls); hits / objects decides, as in pycocotools."""
    objects = np.maximum(objects, 1)[:, None]
    near = np.ceil(RECALLS * objects)
    needed = near + 1
    for candidate in (near, near - 1):  # rounding may put the product a hair beside the whole number
        needed = np.where(candidate / objects >= RECALLS, candidate, needed)
    whole: Array = needed.astype(np.int64)
    return whole


def _at(needed: Array, hits: Array, precision: Array) -> Array:
    """Best precision with the hits that are needed or more, 0 where there never are as many: (rows, recalls)."""
    rows, length = hits.shape
    # All rows are searched at once: each is lifted above the one before.
    lift = np.arange(rows)[:, None] * (max(hits[:, -1].max(), needed.max()) + 1)
    place = np.searchsorted((hits + lift).ravel(), (needed + lift).ravel()).reshape(needed.shape)
    end = np.arange(1, rows + 1)[:, None] * length
    # The best up to the place of the next recall; the first one needs no hit, so that no row reaches into the next.
    best = np.maximum.reduceat(precision.ravel(), np.minimum(place, end - 1).ravel()).reshape(needed.shape)
    return np.where(place < end, best_from_there(best), 0)


def _defined_mean(values: Array) -> Array:
    """Mean over classes and thresholds of what is defined, (classes, thresholds, rows) -> (rows,)."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=(0, 1))
    return np.where(number > 0, np.where(defined, values, 0).sum(axis=(0, 1)) / np.maximum(number, 1), np.nan)
