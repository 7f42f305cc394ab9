# SPDX-License-Identifier: AGPL-3.0-or-later
"""From objects and boxes to metrics: every protocol that was asked for, once, with what the intervals need later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yolo_fine.evaluation.coco.intervals import bootstrap_coco, compare_coco
from yolo_fine.evaluation.coco.score import CocoScore, evaluate_coco
from yolo_fine.evaluation.comparison import in_words, is_beyond_noise
from yolo_fine.evaluation.result import DetectorMetrics
from yolo_fine.evaluation.sizes import Bin
from yolo_fine.evaluation.visdrone.intervals import bootstrap_visdrone, compare_visdrone
from yolo_fine.evaluation.visdrone.score import VisDroneScore, evaluate_visdrone
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.progress import progress_line


@dataclass(frozen=True)
class Measured:
    """The metrics of one detector. Those by size and class always follow COCO's rules, whatever was asked for."""

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
    return Measured(
        tuple(protocols),
        evaluate_coco(truth, detections, list(bins), max_det=max_det),
        evaluate_visdrone(truth, detections) if "visdrone" in protocols else None,
    )


def intervals(measured: Measured, resamples: int, seed: int, confidence: float) -> dict[str, Any]:
    """Bootstrap intervals of the headline metrics, over images."""
    settings: dict[str, Any] = {"resamples": resamples, "seed": seed, "confidence": confidence}
    result: dict[str, Any] = dict(settings)
    if "coco" in measured.protocols:
        result["coco"] = bootstrap_coco(measured.coco, **settings)
    if measured.visdrone is not None:
        with progress_line("resamples of the VisDrone score") as progress:
            result["visdrone"] = bootstrap_visdrone(measured.visdrone, **settings, progress=progress)
    return result


def compare(ours: Measured, theirs: Measured, resamples: int, seed: int, confidence: float) -> dict[str, Any]:
    """Paired differences, ours minus theirs, with intervals and what they say in words."""
    settings: dict[str, Any] = {"resamples": resamples, "seed": seed, "confidence": confidence}
    result: dict[str, Any] = dict(settings)
    words: list[str] = []
    if "coco" in ours.protocols:
        result["coco"] = _judged(compare_coco(theirs.coco, ours.coco, **settings))
        words += [f"COCO {in_words(name, value, 100, confidence)}" for name, value in result["coco"].items()]
    if ours.visdrone is not None and theirs.visdrone is not None:
        with progress_line("resamples of the VisDrone score") as progress:
            differences = compare_visdrone(theirs.visdrone, ours.visdrone, **settings, progress=progress)
        result["visdrone"] = _judged(differences)
        words += [f"VisDrone {in_words(name, value, 1, confidence)}" for name, value in result["visdrone"].items()]
    result["words"] = words
    return result


def _judged(differences: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {**value, "beyond_noise": is_beyond_noise(value)} for name, value in differences.items()}
