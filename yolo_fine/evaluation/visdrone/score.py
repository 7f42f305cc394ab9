# SPDX-License-Identifier: AGPL-3.0-or-later
"""The official VisDrone-DET score (VisDrone2018-DET-toolkit, the version of 2018-06-29).

What differs from COCO: boxes in ignored regions are dropped before matching; the limits on detections go by image,
over all categories together and in file order; AP is the whole area under the precision envelope; and the mean over
classes gives each class the weight of the number of images it occurs in. The plain class mean is given beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.evaluation.visdrone.ignored import outside_ignored
from yolo_fine.evaluation.visdrone.matching import MAX_DETECTIONS, Matches, match
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.formats.visdrone_rows import IGNORED_REGION

METRICS = ("AP", "AP50", "AP75", *(f"AR{limit}" for limit in MAX_DETECTIONS))


@dataclass(frozen=True)
class Tables:
    """Average precision and recall of every class, in percent.

    Attributes:
        ap: Shape (classes, thresholds).
        ar: Shape (classes, thresholds, limits on detections).
        images: In how many images the class occurs, shape (classes,).
    """

    ap: np.ndarray
    ar: np.ndarray
    images: np.ndarray

    @property
    def by_class(self) -> np.ndarray:
        """The metrics of each class, shape (classes, 7), in the order of :data:`METRICS`."""
        ap = np.stack([self.ap.mean(axis=1), self.ap[:, 0], self.ap[:, 5]], axis=1)
        return np.concatenate([ap, self.ar.mean(axis=1)], axis=1)

    @property
    def official_mean(self) -> np.ndarray:
        """Mean over classes weighted by the images they occur in, shape (7,); NaN without any object."""
        return self._mean(self.images)

    @property
    def class_mean(self) -> np.ndarray:
        """Plain mean over the classes that have objects, shape (7,); NaN without any."""
        return self._mean((self.images > 0).astype(float))

    def _mean(self, weights: np.ndarray) -> np.ndarray:
        total = weights.sum()
        return weights @ self.by_class / total if total else np.full(len(METRICS), np.nan)


@dataclass(frozen=True)
class VisDroneScore:
    """The score of a detector.

    Attributes:
        metrics: AP AP50 AP75 AR1 AR10 AR100 AR500 in percent as the official tool prints them, and ``class_mean`` with
            the same keys: the plain mean over classes with objects. None where no class has an object.
        per_class: The seven metrics by class name; None for a class without objects.
        tables: AP and AR by class and threshold, rows in the order of the category numbers.
        objects_left: Number of objects after dropping, all categories but ignored regions.
        detections_left: Number of detections after dropping, all categories.
        names: Names of the images.
        matches: The matching by image, which intervals are made from.
    """

    metrics: dict[str, Any]
    per_class: dict[str, dict[str, float | None]]
    tables: Tables
    objects_left: int
    detections_left: int
    names: tuple[str, ...]
    matches: Matches


def evaluate_visdrone(truth: GroundTruth, detections: Detections) -> VisDroneScore:
    """Evaluate detections by the official VisDrone-DET protocol.

    Args:
        truth: The objects with ignored regions (category 0) and others (11); ``classes`` are evaluated.
        detections: The boxes in file order, for the official order rules best by falling score in each image.

    Raises:
        DataError: Category 0 is among the classes, or detections belong to no image.
    """
    if IGNORED_REGION in truth.classes:
        raise DataError(
            f"category 0 is '{truth.classes[IGNORED_REGION]}' here, but ignored regions in the VisDrone protocol; "
            "number the classes from 1"
        )
    if len(detections) and not 0 <= detections.image[0] <= detections.image[-1] < len(truth.names):
        raise DataError(
            f"detections of the images {detections.image[0]} to {detections.image[-1]}, "
            f"but the annotations have only {len(truth.names)} images (0 to {len(truth.names) - 1})"
        )
    truth, detections = drop_ignored(truth, detections)
    matches = match(truth, detections)
    tables = weighted_tables(matches, np.ones(len(truth.names)))
    per_class: dict[str, dict[str, float | None]] = {}
    for index, number in enumerate(sorted(truth.classes)):
        values = tables.by_class[index] if tables.images[index] else np.full(len(METRICS), np.nan)
        per_class[truth.classes[number]] = named_metrics(values)
    metrics = {**named_metrics(tables.official_mean), "class_mean": named_metrics(tables.class_mean)}
    return VisDroneScore(metrics, per_class, tables, len(truth), len(detections), truth.names, matches)


def drop_ignored(truth: GroundTruth, detections: Detections) -> tuple[GroundTruth, Detections]:
    """Both without the boxes that lie in ignored regions, and without the regions themselves."""
    is_region = truth.category == IGNORED_REGION
    objects_kept, detections_kept = ~is_region, np.ones(len(detections), dtype=bool)
    for index in np.unique(truth.image[is_region]):
        here = slice(*np.searchsorted(truth.image, [index, index + 1]))
        regions = truth.boxes[here][is_region[here]]
        objects_kept[here] &= outside_ignored(truth.boxes[here], regions, truth.sizes[index])
        here = slice(*np.searchsorted(detections.image, [index, index + 1]))
        detections_kept[here] = outside_ignored(detections.boxes[here], regions, truth.sizes[index])
    columns = ("image", "boxes", "category")
    truth_columns = {name: getattr(truth, name)[objects_kept] for name in (*columns, "area", "crowd")}
    detection_columns = {name: getattr(detections, name)[detections_kept] for name in (*columns, "score")}
    return replace(truth, **truth_columns), replace(detections, **detection_columns)


def weighted_tables(matches: Matches, weights: np.ndarray) -> Tables:
    """The tables when every image counts as often as its weight says: 1 each for the score itself.

    Args:
        matches: The matching.
        weights: Whole numbers, shape (images,), float64.
    """
    objects = weights @ matches.objects
    hits = np.tensordot(weights, matches.hits, axes=1)
    ar = 100 * hits / np.maximum(1, objects)[:, None, None]
    ap = np.zeros(ar.shape[:2])
    for index, curves in enumerate(matches.curves):
        listed_up_to = np.cumsum(weights[matches.listed[index]])
        for threshold, curve in enumerate(curves):
            if not len(curve.position):
                continue
            gains = weights[curve.image]
            positives = listed_up_to[curve.position]
            if len(curve.neutral_image):
                neutral_up_to = np.append(0, np.cumsum(weights[curve.neutral_image]))
                positives = positives - neutral_up_to[curve.neutral_before]
            precision = np.cumsum(gains) / np.maximum(1, positives)
            envelope = np.maximum.accumulate(precision[::-1])[::-1]
            ap[index, threshold] = 100 * (gains @ envelope) / max(1, objects[index])
    return Tables(ap, ar, weights @ (matches.objects > 0))


def named_metrics(values: np.ndarray) -> dict[str, float | None]:
    """Metrics by name from an array of shape (7,); NaN becomes None."""
    return {name: None if np.isnan(value) else float(value) for name, value in zip(METRICS, values, strict=True)}
