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
from yolo_fine.evaluation.curves import ClassCurves, best_from_there, class_curves, count
from yolo_fine.evaluation.matching import LEAST_OVERLAP, candidates, match
from yolo_fine.evaluation.pairs import overlapping_pairs
from yolo_fine.evaluation.visdrone.ignored import outside_ignored
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.formats.visdrone_rows import IGNORED_REGION
from yolo_fine.utils.arrays import Array

# As Octave builds 0.5:0.05:0.95; 0.85 comes out one bit larger than the literal, and an overlap of 17/20 is below it.
IOU_THRESHOLDS = 0.5 + 0.05 * np.arange(10)
MAX_DETECTIONS = (1, 10, 100, 500)
METRICS = ("AP", "AP50", "AP75", *(f"AR{limit}" for limit in MAX_DETECTIONS))


@dataclass(frozen=True)
class Tables:
    """Average precision and recall of every class, in percent; ``...`` is nothing, or rows of weights.

    Attributes:
        ap: Shape (..., classes, thresholds).
        ar: Shape (..., classes, thresholds, limits on detections).
        images: In how many images the class occurs, shape (..., classes).
    """

    ap: Array
    ar: Array
    images: Array

    @property
    def by_class(self) -> Array:
        """The metrics of each class, shape (..., classes, 7), in the order of :data:`METRICS`."""
        ap = np.stack([self.ap.mean(axis=-1), self.ap[..., 0], self.ap[..., 5]], axis=-1)
        return np.concatenate([ap, self.ar.mean(axis=-2)], axis=-1)

    @property
    def official_mean(self) -> Array:
        """Mean over classes weighted by the images they occur in, shape (..., 7); NaN without any object."""
        return self._mean(self.images)

    @property
    def class_mean(self) -> Array:
        """Plain mean over the classes that have objects, shape (..., 7); NaN without any."""
        return self._mean(self.images > 0)

    def _mean(self, weights: Array) -> Array:
        total = weights.sum(axis=-1, keepdims=True)
        mean: Array = (weights[..., None] * self.by_class).sum(axis=-2) / np.maximum(total, 1)
        return np.where(total > 0, mean, np.nan)


@dataclass(frozen=True)
class VisDroneCurves:
    """The curves of every class, and what recall needs under every limit on detections.

    Attributes:
        curves: Of the run with the highest limit; ignored objects are among those to be found, as the tool has it.
        hits: Images of the hits under the lower limits, ``hits[limit][class][threshold]``.
        images: Images in which the class occurs, ``images[class]``.
    """

    curves: list[ClassCurves]
    hits: list[list[list[Array]]]
    images: list[Array]

    @property
    def longest(self) -> int:
        """The largest number of detections in one list."""
        return max((len(one.listed) for one in self.curves), default=0)

    def tables(self, weights: Array) -> Tables:
        """The tables under each row of weights: how often each image counts, shape (rows, images), int32."""
        shape = (len(weights), len(self.curves), len(IOU_THRESHOLDS))
        ap, ar = np.zeros(shape), np.zeros((*shape, len(MAX_DETECTIONS)))
        for k, curves in enumerate(self.curves):
            objects = np.maximum(count(weights, curves.objects), 1)
            for t, (gains, hits, precision) in enumerate(curves.under(weights)):
                ap[:, k, t] = 100 * np.einsum("rh,rh->r", gains, best_from_there(precision)) / objects
                ar[:, k, t, -1] = 100 * hits[:, -1:].sum(axis=1) / objects
            for m, by_class in enumerate(self.hits):
                for t, images in enumerate(by_class[k]):
                    ar[:, k, t, m] = 100 * count(weights, images) / objects
        images = np.array([count(weights, images) for images in self.images]).T
        return Tables(ap, ar, images.reshape(len(weights), len(self.images)))

    def metrics(self, weights: Array) -> dict[str, dict[str, Array]]:
        """``visdrone`` and ``class_mean``: the metrics under each row of weights, (rows,), NaN where undefined."""
        tables = self.tables(weights)
        means = {"visdrone": tables.official_mean, "class_mean": tables.class_mean}
        return {name: dict(zip(METRICS, mean.T, strict=True)) for name, mean in means.items()}


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
        curves: What intervals are made from.
    """

    metrics: dict[str, Any]
    per_class: dict[str, dict[str, float | None]]
    tables: Tables
    objects_left: int
    detections_left: int
    curves: VisDroneCurves


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
    curves = visdrone_curves(truth, detections)
    tables = curves.tables(np.ones((1, len(truth.names)), dtype=np.int32))
    tables = Tables(tables.ap[0], tables.ar[0], tables.images[0])
    per_class: dict[str, dict[str, float | None]] = {}
    for index, number in enumerate(sorted(truth.classes)):
        values = tables.by_class[index] if tables.images[index] else np.full(len(METRICS), np.nan)
        per_class[truth.classes[number]] = named_metrics(values)
    metrics = {**named_metrics(tables.official_mean), "class_mean": named_metrics(tables.class_mean)}
    return VisDroneScore(metrics, per_class, tables, len(truth), len(detections), curves)


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


def visdrone_curves(truth: GroundTruth, detections: Detections) -> VisDroneCurves:
    """Match what is left after dropping.

    Args:
        truth: The objects, without ignored regions.
        detections: The boxes in file order, with those of other categories: they take places under the limits.
    """
    place = np.arange(len(detections)) - np.searchsorted(detections.image, detections.image)
    found = candidates(
        truth, detections, overlapping_pairs(truth, detections, LEAST_OVERLAP), place < max(MAX_DETECTIONS)
    )
    place, classes = place[found.row], sorted(truth.classes)
    lower = []
    for limit in MAX_DETECTIONS[:-1]:
        hit, _ = match(found, truth.crowd, IOU_THRESHOLDS, place < limit)
        lower.append([[found.image[one & (found.column == k)] for one in hit] for k in range(len(classes))])
    hit, neutral = match(found, truth.crowd, IOU_THRESHOLDS)
    objects = [truth.image[truth.category == number] for number in classes]
    curves = [
        class_curves(objects[k], *(column[..., found.column == k] for column in (found.image, hit, neutral)))
        for k in range(len(classes))
    ]
    return VisDroneCurves(curves, lower, [np.unique(images) for images in objects])


def named_metrics(values: Array) -> dict[str, float | None]:
    """Metrics by name from an array of shape (7,); NaN becomes None."""
    return {name: None if np.isnan(value) else float(value) for name, value in zip(METRICS, values, strict=True)}
