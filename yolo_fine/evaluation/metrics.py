# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is measured of a detector, as plain data.

Metrics under ``coco``, ``sizes`` and ``per_class`` are fractions of 1, those under ``visdrone`` are percent, as each
protocol's own tool prints them. A metric that isn't defined (no object of that class and size) is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Metrics = dict[str, "float | None"]


@dataclass
class SizeCell:
    """Metrics of the objects of one size bin, of all classes or of one.

    Attributes:
        objects: Number of annotated objects in the bin (a box exactly on a limit counts in both, as in pycocotools).
        AP: Average precision over IoU 0.50:0.95.
        AP50: At IoU 0.50.
        AR: Average recall with all allowed detections.
    """

    objects: int
    AP: float | None
    AP50: float | None
    AR: float | None


@dataclass
class SizeBin(SizeCell):
    """One size bin over all classes: ``min_side`` to ``max_side`` is the square root of the area, in pixels.

    ``max_side`` is None for the last, open bin.
    """

    name: str = ""
    min_side: float = 0.0
    max_side: float | None = None


@dataclass
class ClassMetrics:
    """Metrics of one class. ``visdrone`` holds AP AP50 AP75 AR1 AR10 AR100 AR500 in percent, under that protocol."""

    objects: int
    AP: float | None
    AP50: float | None
    AP75: float | None
    AR: float | None
    sizes: dict[str, SizeCell] = field(default_factory=dict)
    visdrone: Metrics | None = None


@dataclass
class DetectorMetrics:
    """The part of an evaluation that whole and sliced inference each have."""

    coco: Metrics | None
    visdrone: dict[str, Any] | None
    sizes: list[SizeBin]
    per_class: dict[str, ClassMetrics]
    speed: Metrics


@dataclass
class EvaluationData(DetectorMetrics):
    """What a whole evaluation holds. See docs/evaluation.md for every key.

    Attributes:
        coco: AP AP50 AP75, AR1 AR10 AR<max_det>, AP_<size> AP50_<size> AR_<size>; fractions. None if not asked for.
        visdrone: AP AP50 AP75 AR1 AR10 AR100 AR500, as the official tool prints them (image-weighted class mean), and
            ``class_mean`` with the same keys (plain mean over classes); percent. None if not asked for or not possible.
        sizes: One entry a size bin, over all classes.
        per_class: By class name.
        speed: Milliseconds per image: ``preprocess inference postprocess total``; empty for detections from files.
        intervals: ``confidence resamples seed groups effective_groups``, ``coco`` and ``visdrone``: metric -> [low,
            high] or None, and ``reasons``: why those that are None are not defined. Empty if none were asked for.
        manifest: Versions, model hash, data fingerprint, every argument, and ``notes``: what to know about the metrics.
        curves: Class name -> {"recall": [...], "precision": [...]} at IoU 0.50, and "all" for the mean.
        confusion: ``names`` and ``matrix`` (row = annotated class, column = detected; the last of both is background).
        errors: Error types after TIDE (Bolya et al., ECCV 2020): ``delta_ap`` and ``counts`` by type.
        whole: The same model on whole images, where sliced inference was evaluated beside it.
        slicing: Slices against whole images, where both were evaluated: paired differences as in ``comparison``, the
            metric in slices minus that on whole images.
        comparison: Against another evaluation: paired differences with intervals and what they say in words.
    """

    intervals: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    confusion: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)
    whole: DetectorMetrics | None = None
    slicing: dict[str, Any] | None = None
    comparison: dict[str, Any] | None = None
