# SPDX-License-Identifier: AGPL-3.0-or-later
"""From objects and boxes to metrics: every protocol that was asked for, once, then intervals and differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.bootstrap import Bootstrap, Samples, Weighable, compare
from yolo_fine.evaluation.coco.score import CocoScore, evaluate_coco
from yolo_fine.evaluation.coco.weighted import coco_curves
from yolo_fine.evaluation.comparison import in_words
from yolo_fine.evaluation.metrics import DetectorMetrics, Metrics
from yolo_fine.evaluation.sizes import Bin
from yolo_fine.evaluation.visdrone.score import METRICS, VisDroneScore, evaluate_visdrone
from yolo_fine.formats.fingerprint import data_fingerprint
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.console import progress as show_progress

FULL = {"coco": 1.0, "visdrone": 100.0, "class_mean": 100.0}  # the greatest value of a metric
TITLES = {"coco": "COCO", "visdrone": "VisDrone"}


@dataclass(frozen=True)
class Measured:
    """The metrics of one detector. Those by size and class always follow COCO's rules, whatever was asked for."""

    truth: GroundTruth
    detections: Detections
    bins: tuple[Bin, ...]
    max_det: int
    protocols: tuple[str, ...]
    coco: CocoScore
    visdrone: VisDroneScore | None

    def metrics(self, speed: Mapping[str, float]) -> DetectorMetrics:
        """The metrics as the result shows them."""
        per_class = dict(self.coco.per_class)
        if self.visdrone is not None:
            for name, metrics in self.visdrone.per_class.items():
                if name in per_class:
                    per_class[name].visdrone = dict(metrics)
        return DetectorMetrics(
            coco=dict(self.coco.metrics) if "coco" in self.protocols else None,
            visdrone=dict(self.visdrone.metrics) if self.visdrone is not None else None,
            sizes=list(self.coco.sizes),
            per_class=per_class,
            speed=dict(speed),
        )

    def values(self) -> dict[str, Metrics]:
        """The metrics by protocol, VisDrone's plain class mean apart."""
        result = {"coco": self.coco.metrics}
        if self.visdrone is not None:
            metrics = self.visdrone.metrics
            result |= {"visdrone": {name: metrics[name] for name in METRICS}, "class_mean": metrics["class_mean"]}
        return result

    def resample(self, bootstrap: Bootstrap) -> Samples:
        """The metrics in each resample, by protocol."""
        scores: list[Weighable] = []
        if "coco" in self.protocols:
            scores.append(coco_curves(self.truth, self.detections, self.bins, self.max_det))
        if self.visdrone is not None:
            scores.append(self.visdrone.curves)
        with show_progress("resamples") as progress:
            return bootstrap.resample(*scores, progress=progress)


def measure(
    truth: GroundTruth, detections: Detections, protocols: Sequence[str], bins: Sequence[Bin], max_det: int
) -> Measured:
    """Evaluate under every protocol.

    Args:
        truth: The annotated objects.
        detections: The detector's boxes.
        protocols: ``coco``, ``visdrone`` or both.
        bins: Size bins.
        max_det: COCO's limit on detections per image and class; VisDrone's is part of its protocol.
    """
    coco = evaluate_coco(truth, detections, bins, max_det=max_det)
    visdrone = evaluate_visdrone(truth, detections) if "visdrone" in protocols else None
    return Measured(truth, detections, tuple(bins), max_det, tuple(protocols), coco, visdrone)


def intervals(measured: Measured, samples: Samples, bootstrap: Bootstrap) -> dict[str, Any]:
    """Intervals of the headline metrics; ``reasons`` has those that are not defined."""
    result: dict[str, Any] = settings(bootstrap)
    reasons: dict[str, dict[str, str]] = {}
    for protocol, metrics in samples.items():
        values, found = measured.values()[protocol], {}
        for name, drawn in metrics.items():
            limits, reason = bootstrap.interval(values[name], drawn)
            found[name] = None if limits is None else [max(limits[0], 0.0), min(limits[1], FULL[protocol])]
            if reason is not None:
                reasons.setdefault(protocol, {})[name] = reason
        if protocol == "class_mean":
            result["visdrone"]["class_mean"] = found
        else:
            result[protocol] = found
    return {**result, "reasons": reasons}


def differences(ours: Measured, theirs: Measured, samples: Samples, bootstrap: Bootstrap) -> dict[str, Any]:
    """Paired differences, ours minus theirs, with intervals and what they say in words.

    Args:
        ours: One detector.
        theirs: Another one on the same objects.
        samples: Our metrics in the resamples.
        bootstrap: What was drawn for them, and is drawn for theirs.

    Raises:
        ArgumentError: They are of different objects, protocols, size bins or ``max_det``.
    """
    facts = [(data_fingerprint(one.truth), one.bins, one.max_det, one.protocols) for one in (ours, theirs)]
    if facts[0] != facts[1]:
        raise ArgumentError("these evaluations are of different objects, size bins, max_det or protocols")
    result: dict[str, Any] = settings(bootstrap)
    words: list[str] = []
    their_samples = theirs.resample(bootstrap)
    for protocol, title in TITLES.items():
        if protocol in samples:
            result[protocol] = compare(
                bootstrap,
                (theirs.values()[protocol], ours.values()[protocol]),
                (their_samples[protocol], samples[protocol]),
            )
            for name, one in result[protocol].items():
                words.append(f"{title} {in_words(name, one, 100 / FULL[protocol], bootstrap.confidence)}")
    return {**result, "words": words}


def settings(bootstrap: Bootstrap) -> dict[str, Any]:
    """What was drawn, for the result."""
    return {
        "resamples": bootstrap.resamples,
        "seed": bootstrap.seed,
        "confidence": bootstrap.confidence,
        "groups": bootstrap.groups.count,
        "effective_groups": bootstrap.groups.effective,
    }
