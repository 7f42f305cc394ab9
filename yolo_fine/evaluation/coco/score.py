# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO's metrics over any size bins, per class, and per class and size.

The engine is hotcoco, a maintained port of pycocotools that equals it to the last digits, honours any ``maxDets`` and
area ranges, and brings confusion and TIDE's error types along. This module hands it columns and reads its arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.metrics import ClassMetrics, Metrics, SizeBin, SizeCell
from yolo_fine.evaluation.sizes import Bin
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array

if TYPE_CHECKING:
    from hotcoco import COCO

ALL_AREAS = [0.0, 1e5**2]  # as in pycocotools, and the upper limit of an open bin
IOU_50, IOU_75 = 0, 5  # places of IoU 0.50 and 0.75 among the ten thresholds 0.50:0.05:0.95
MISTAKE_IOU = 0.5  # of the confusion matrix and the error types
CONFUSION_SCORE = 0.25  # detections below are left out of the confusion matrix; Ultralytics' own has the same limit


@dataclass
class CocoScore:
    """What the COCO protocol says about a detector.

    Attributes:
        metrics: AP AP50 AP75, AR1 AR10 AR<max_det>, and AP_<bin> AP50_<bin> AR_<bin>; fractions, None if undefined.
        sizes: One entry a size bin, over all classes.
        per_class: By class name.
        curves: Class name -> ``recall`` (101 values) and ``precision`` at IoU 0.50; "all" is the mean over classes.
        confusion: ``names`` and ``matrix`` (row = annotated class, column = detected; the last of both is background),
            for detections from ``score`` up that overlap with at least ``iou``.
        errors: TIDE's ``delta_ap`` and ``counts`` by type (Bolya et al., ECCV 2020).
    """

    metrics: Metrics
    sizes: list[SizeBin]
    per_class: dict[str, ClassMetrics]
    curves: dict[str, dict[str, list[float]]]
    confusion: dict[str, Any]
    errors: dict[str, Any]


def evaluate_coco(truth: GroundTruth, detections: Detections, bins: Sequence[Bin], *, max_det: int = 500) -> CocoScore:
    """Evaluate detections by COCO's rules.

    Objects and detections whose category is not among ``truth.classes`` are left out. Like pycocotools, the ``max_det``
    detections of highest score are kept for each class of each image.

    Args:
        truth: Annotated objects.
        detections: Boxes of a detector on the same images.
        bins: Size bins, see :func:`yolo_fine.evaluation.sizes.parse_sizes`.
        max_det: Detections per image and class.

    Returns:
        All metrics.

    Raises:
        ArgumentError: ``max_det`` is below 1.
    """
    if max_det < 1:
        raise ArgumentError(f"max_det={max_det}: at least one detection per image must be allowed, as max_det=500")
    bins, classes = list(bins), dict(sorted(truth.classes.items()))
    names = list(classes.values())
    limits = [limit for limit in (1, 10) if limit < max_det] + [max_det]
    data = _engine_data(truth, detections, classes)
    arrays = _accumulate(data, bins, limits)
    precision = arrays["precision"][..., -1]  # (IoUs, recalls, classes, areas), with max_det; -1 = undefined
    recall = arrays["recall"]  # (IoUs, classes, areas, limits)
    objects = _count_objects(truth, classes, bins)  # (classes, areas)

    metrics: Metrics = {
        "AP": _mean(precision[:, :, :, 0]),
        "AP50": _mean(precision[IOU_50, :, :, 0]),
        "AP75": _mean(precision[IOU_75, :, :, 0]),
        **{f"AR{limit}": _mean(recall[:, :, 0, m]) for m, limit in enumerate(limits)},
    }
    sizes = []
    for a, bin_ in enumerate(bins, start=1):
        cell = _cell(objects[:, a].sum(), precision[:, :, :, a], recall[:, :, a, -1])
        sizes.append(SizeBin(**vars(cell), name=bin_.name, min_side=bin_.min_side, max_side=bin_.max_side))
        metrics |= {f"AP_{bin_.name}": cell.AP, f"AP50_{bin_.name}": cell.AP50, f"AR_{bin_.name}": cell.AR}

    per_class = {}
    for k, name in enumerate(names):
        whole, *cells = (_cell(objects[k, a], precision[:, :, k, a], recall[:, k, a, -1]) for a in range(1 + len(bins)))
        by_size = {bin_.name: cell for bin_, cell in zip(bins, cells, strict=True)}
        ap75 = _mean(precision[IOU_75, :, k, 0])
        per_class[name] = ClassMetrics(whole.objects, whole.AP, whole.AP50, ap75, whole.AR, by_size)

    confusion, errors = _mistakes(data, limits, names)
    has_detections = np.isin(detections.category, list(classes)).any()
    for kind in errors["delta_ap"]:  # hotcoco says 0 where there is no AP50 to gain on
        if metrics["AP50"] is None or (kind in ("Miss", "FN") and not has_detections):
            errors["delta_ap"][kind] = None
    curves = _curves(precision[IOU_50, :, :, 0], names)
    return CocoScore(metrics, sizes, per_class, curves, confusion, errors)


def _engine_data(truth: GroundTruth, detections: Detections, classes: dict[int, str]) -> tuple[COCO, COCO]:
    """Objects and detections as hotcoco holds them."""
    from hotcoco import COCO

    image_rows = [
        {"id": i, "file_name": name, "width": int(width), "height": int(height)}
        for i, (name, (width, height)) in enumerate(zip(truth.names, truth.sizes, strict=True))
    ]
    categories = [{"id": number, "name": name} for number, name in classes.items()]
    known = np.isin(truth.category, list(classes))
    columns = [column[known] for column in (truth.image, truth.category, truth.boxes)]
    objects = COCO.from_arrays(image_rows, categories, *columns, area=truth.area[known], iscrowd=truth.crowd[known])
    known = np.isin(detections.category, list(classes))
    columns = [detections.image, detections.boxes, detections.score, detections.category]
    return objects, objects.load_res(np.column_stack([column[known] for column in columns]))  # float64, as the boxes


def _accumulate(data: tuple[COCO, COCO], bins: Sequence[Bin], limits: list[int]) -> dict[str, Array]:
    """The engine's arrays; the first area is all areas, the others are the bins."""
    from hotcoco import COCOeval

    evaluator = COCOeval(*data, "bbox")
    evaluator.params.max_dets = limits
    evaluator.params.area_rng_lbl = ["all", *(bin_.name for bin_ in bins)]
    evaluator.params.area_rng = area_ranges(bins)
    evaluator.evaluate()
    evaluator.accumulate()
    arrays: dict[str, Array] = evaluator.eval or {}
    return arrays


def _mistakes(
    data: tuple[COCO, COCO], limits: list[int], names: list[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """``confusion`` and ``errors`` of :class:`CocoScore`, at IoU 0.50 alone: less memory."""
    from hotcoco import COCOeval

    evaluator = COCOeval(*data, "bbox")
    evaluator.params.max_dets = limits
    evaluator.params.area_rng_lbl, evaluator.params.area_rng = ["all"], area_ranges([])
    evaluator.params.iou_thrs = [MISTAKE_IOU]
    evaluator.evaluate()
    matrix = evaluator.confusion_matrix(iou_thr=MISTAKE_IOU, min_score=CONFUSION_SCORE)["matrix"].astype(int)
    tide = evaluator.tide_errors(pos_thr=MISTAKE_IOU, bg_thr=0.1)
    facts = {"names": [*names, "background"], "iou": MISTAKE_IOU, "score": CONFUSION_SCORE}
    errors = {"delta_ap": dict(tide["delta_ap"]), "counts": dict(tide["counts"])}
    return {**facts, "matrix": matrix.tolist()}, errors


def area_ranges(bins: Sequence[Bin]) -> list[list[float]]:
    """Least and greatest area in square pixels: of all areas, then of each bin."""
    return [ALL_AREAS, *([one.min_side**2, ALL_AREAS[1] if one.max_side is None else one.max_side**2] for one in bins)]


def _count_objects(truth: GroundTruth, classes: dict[int, str], bins: list[Bin]) -> Array:
    """Annotated objects that can be found, crowds left out: shape (classes, 1 + bins), all areas first."""
    ranges = area_ranges(bins)
    inside = np.array([(truth.area >= low) & (truth.area <= high) & ~truth.crowd for low, high in ranges])
    counts = [inside[:, truth.category == number].sum(axis=1) for number in classes]
    return np.array(counts, dtype=np.int64).reshape(len(classes), len(ranges))


def _mean(values: Array) -> float | None:
    """Mean over what is defined; None if nothing is."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None


def _cell(objects: int, precision: Array, recall: Array) -> SizeCell:
    """Metrics of one size, from precision (IoUs, recalls, ...) and recall (IoUs, ...)."""
    return SizeCell(int(objects), _mean(precision), _mean(precision[IOU_50]), _mean(recall))


def _curves(precision: Array, names: list[str]) -> dict[str, dict[str, list[float]]]:
    """Precision over recall at one IoU, (recalls, classes), of the classes that have objects and of their mean."""
    recall = np.linspace(0, 1, len(precision)).round(2).tolist()
    defined = [k for k in range(len(names)) if precision[0, k] > -1]
    curves = {names[k]: {"recall": recall, "precision": precision[:, k].tolist()} for k in defined}
    if defined:
        curves["all"] = {"recall": recall, "precision": precision[:, defined].mean(axis=1).tolist()}
    return curves
