# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bootstrap intervals of the VisDrone score: images are drawn again with replacement, nothing is matched again.

An image that is drawn k times gets the weight k in :func:`.score.weighted_tables`, which gives
the metrics of the image list with k copies (of equal scores within one image, the copies stand next to each other).
Percentile intervals after Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.visdrone.score import METRICS, VisDroneScore, weighted_tables

Progress = Callable[[int, int], None]  # resamples done, resamples in all


def bootstrap_visdrone(
    score: VisDroneScore,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Percentile intervals of the metrics.

    Args:
        score: The score of a detector.
        resamples: How often the images are drawn.
        seed: Of the drawing.
        confidence: Share of the resamples that the interval covers.
        progress: Told after each resample how many are done, and of how many.

    Returns:
        ``[low, high]`` in percent for each of the seven metrics, and ``class_mean`` with the same keys; None where a
        metric is not defined. Resamples without any object are left out.

    Raises:
        ArgumentError: ``resamples`` or ``confidence`` is out of range.
        DataError: There is no image.
    """
    _check(resamples, confidence)
    drawn = []
    for weights in _resample(len(score.names), resamples, seed, progress):
        tables = weighted_tables(score.matches, weights)
        drawn.append([tables.official_mean, tables.class_mean])
    low, high = _limits(np.array(drawn), confidence)
    official, plain = (
        {name: _pair(low[kind, i], high[kind, i]) for i, name in enumerate(METRICS)} for kind in range(2)
    )
    return {**official, "class_mean": plain}


def compare_visdrone(
    score_a: VisDroneScore,
    score_b: VisDroneScore,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> dict[str, dict[str, float | None]]:
    """Paired difference of two detectors on the same images: each resample draws the same images for both.

    Args:
        score_a: The one to compare with.
        score_b: The one that is compared.
        resamples: How often the images are drawn.
        seed: Of the drawing.
        confidence: Share of the resamples that the interval covers.
        progress: Told after each resample how many are done, and of how many.

    Returns:
        For each of the seven metrics ``difference`` (b - a, percentage points), ``low``, ``high``, and
        ``probability_positive``, the share of the resamples in which b is better; None where it is not defined.

    Raises:
        ArgumentError: ``resamples`` or ``confidence`` is out of range.
        DataError: The two were not evaluated on the same objects of the same images.
    """
    _check(resamples, confidence)
    _check_same_objects(score_a, score_b)
    drawn = []
    for weights in _resample(len(score_a.names), resamples, seed, progress):
        a, b = (weighted_tables(score.matches, weights).official_mean for score in (score_a, score_b))
        drawn.append(b - a)
    differences = np.array(drawn)
    observed = score_b.tables.official_mean - score_a.tables.official_mean
    low, high = _limits(differences, confidence)
    result: dict[str, dict[str, float | None]] = {}
    for index, name in enumerate(METRICS):
        defined = differences[~np.isnan(differences[:, index]), index]
        result[name] = {
            "difference": _number(observed[index]),
            "low": _number(low[index]),
            "high": _number(high[index]),
            "probability_positive": float(np.mean(defined > 0)) if len(defined) else None,
        }
    return result


def _resample(images: int, resamples: int, seed: int, progress: Progress | None) -> Iterator[np.ndarray]:
    """How often each image is drawn, shape (images,), once for each resample."""
    if not images:
        raise DataError("no image to draw from: the annotations are empty")
    random = np.random.default_rng(seed)
    for index in range(resamples):
        yield np.bincount(random.integers(0, images, images), minlength=images).astype(np.float64)
        if progress is not None:
            progress(index + 1, resamples)


def _limits(drawn: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile limits over the first axis; NaN where nothing is defined. A resample is defined in all or none."""
    defined = drawn[~np.isnan(drawn.reshape(len(drawn), -1)).any(axis=1)]
    if not len(defined):
        nothing = np.full(drawn.shape[1:], np.nan)
        return nothing, nothing
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail], axis=0)
    return low, high


def _check(resamples: int, confidence: float) -> None:
    if resamples < 1:
        raise ArgumentError(f"resamples={resamples} must be 1 or more")
    if not 0 < confidence < 1:
        raise ArgumentError(f"confidence={confidence} must be between 0 and 1, such as 0.95")


def _check_same_objects(score_a: VisDroneScore, score_b: VisDroneScore) -> None:
    if score_a.names != score_b.names:
        raise DataError(
            f"a paired comparison needs the same images: {len(score_a.names)} against {len(score_b.names)}, "
            f"{len(set(score_a.names) & set(score_b.names))} of them in both"
        )
    if not np.array_equal(score_a.matches.objects, score_b.matches.objects):
        raise DataError(
            f"a paired comparison needs the same annotations: {score_a.objects_left} objects against "
            f"{score_b.objects_left}, or other classes"
        )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _pair(low: float, high: float) -> list[float] | None:
    return None if np.isnan(low) else [float(low), float(high)]
