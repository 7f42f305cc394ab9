# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far COCO metrics would move with other images: bootstrap over images, for one detector or two.

A resample draws as many images as there are, with replacement; an image drawn twice counts twice. (hotcoco's
``compare`` is not used: version 1.3 counts an image that was drawn twice once, which makes intervals a quarter too
narrow, and a metric that is undefined in a resample as 0.)
"""

from __future__ import annotations

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.coco.score import CocoScore
from yolo_fine.evaluation.coco.weighted import weighted_metrics

LEAST_DEFINED = 0.95  # of the resamples; below that, a metric gets no interval


def bootstrap_coco(
    score: CocoScore, *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> dict[str, list[float]]:
    """Percentile intervals of AP, AP50, AP75, and of AP and AR of each size bin.

    Args:
        score: A detector's evaluation.
        resamples: Number of resamples.
        seed: Seed of the draws; the same seed gives the same intervals.
        confidence: Share of the resamples that an interval holds.

    Returns:
        Metric -> [low, high]. A metric that is undefined, or was in more than 5 % of the resamples because few images
        hold such objects, is left out.

    Raises:
        ArgumentError: ``resamples`` or ``confidence`` can't be used.
    """
    tail = _tail(resamples, confidence)
    samples = _resample(score, resamples, seed)
    return {name: _interval(samples[name], tail) for name in headline(score) if _enough(samples[name])}


def compare_coco(
    a: CocoScore, b: CocoScore, *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> dict[str, dict[str, float]]:
    """Paired differences ``b - a`` of two detectors on the same images, with percentile intervals.

    Args:
        a: The first detector's evaluation.
        b: The second's, on the same objects with the same bins and ``max_det``.
        resamples: Number of resamples; both detectors get the same draws.
        seed: Seed of the draws.
        confidence: Share of the resamples that an interval holds.

    Returns:
        Metric -> ``difference``, ``low``, ``high``, and ``probability_positive``: the share of resamples in which b is
        better, ties counted half. Metrics are left out as in :func:`bootstrap_coco`.

    Raises:
        ArgumentError: The two can't be compared, or ``resamples`` or ``confidence`` can't be used.
    """
    tail = _tail(resamples, confidence)
    _check_comparable(a, b)
    samples_a, samples_b = _resample(a, resamples, seed), _resample(b, resamples, seed)
    result = {}
    for name in headline(a):
        difference, of_a, of_b = samples_b[name] - samples_a[name], a.metrics[name], b.metrics[name]
        if of_a is None or of_b is None or not _enough(difference):
            continue
        low, high = _interval(difference, tail)
        defined = difference[~np.isnan(difference)]
        better = float(np.mean((defined > 0) + 0.5 * (defined == 0)))
        result[name] = {"difference": of_b - of_a, "low": low, "high": high, "probability_positive": better}
    return result


def headline(score: CocoScore) -> list[str]:
    """Names of the metrics that get an interval."""
    return ["AP", "AP50", "AP75", *(f"{kind}_{bin_.name}" for bin_ in score.bins for kind in ("AP", "AR"))]


def _resample(score: CocoScore, resamples: int, seed: int) -> dict[str, np.ndarray]:
    """Headline metrics in each resample, NaN where undefined."""
    draws = np.random.default_rng(seed).integers(0, max(score.images, 1), (resamples, score.images))
    weights = [np.bincount(draw, minlength=score.images) for draw in draws]
    return weighted_metrics(score, np.array(weights, dtype=np.float32))


def _enough(samples: np.ndarray) -> bool:
    return bool(np.mean(~np.isnan(samples)) >= LEAST_DEFINED)


def _interval(samples: np.ndarray, tail: float) -> list[float]:
    return [float(limit) for limit in np.nanquantile(samples, [tail, 1 - tail])]


def _tail(resamples: int, confidence: float) -> float:
    """Share of the resamples on each side of an interval."""
    if resamples < 1:
        raise ArgumentError(f"resamples={resamples}: at least one is needed, as resamples=1000")
    if not 0 < confidence < 1:
        raise ArgumentError(f"confidence={confidence}: a share between 0 and 1 is needed, as confidence=0.95")
    return (1 - confidence) / 2


def _check_comparable(a: CocoScore, b: CocoScore) -> None:
    """Refuse what would give a difference that means nothing."""
    objects_a = {name: metrics.objects for name, metrics in a.per_class.items()}
    objects_b = {name: metrics.objects for name, metrics in b.per_class.items()}
    for what, of_a, of_b in (
        ("numbers of images", a.images, b.images),
        ("size bins", [bin_.name for bin_ in a.bins], [bin_.name for bin_ in b.bins]),
        ("max_det", a.max_det, b.max_det),
        ("classes or numbers of objects", objects_a, objects_b),
    ):
        if of_a != of_b:
            raise ArgumentError(f"the two evaluations can't be compared: different {what}, {of_a} and {of_b}")
