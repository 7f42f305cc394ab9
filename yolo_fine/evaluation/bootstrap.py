# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far metrics would move with other images: one bootstrap for every protocol, for one detector or two.

A resample draws as many groups of images as there are, with replacement; nothing is matched again, an image that is
drawn k times has the weight k. Both protocols, and both detectors of a comparison, get the same draws. Intervals are
those of percentiles (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). With few groups they
are too narrow and are stretched.

What can't be computed is None, with the reason beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.groups import Groups
from yolo_fine.utils.arrays import Array

LEAST_DEFINED = 0.95  # share of the resamples in which a metric must be defined
LEAST_GROUPS = 5  # effective groups; below, there is no interval
FEW_GROUPS = 30  # below, an interval is a rough one
FEW_RESAMPLES = 400  # below, the ends of an interval are uncertain
MANY_GROUPS = 50  # from here on, no interval is stretched
ROUNDING = 1e-10  # a smaller difference of metrics is one of rounding, and none
NUMBERS = 2**19  # worked on at a time, few enough for the processor's cache

Samples = dict[str, dict[str, Array]]  # protocol -> metric -> its value in each resample, NaN where undefined
Progress = Callable[[int, int], None]


class Weighable(Protocol):
    """A detector's score under a protocol, in which images can be weighted."""

    @property
    def longest(self) -> int:
        """The largest number of detections in one list."""

    def metrics(self, weights: Array) -> Samples:
        """The metrics under each row of weights: how often each image counts, shape (rows, images), int32."""


@dataclass(frozen=True)
class Bootstrap:
    """What is drawn, and how.

    Attributes:
        groups: What is drawn.
        resamples: How often.
        seed: Of the draws; the same seed gives the same intervals.
        confidence: Share of the resamples that an interval holds.

    Raises:
        ArgumentError: ``resamples`` or ``confidence`` can't be used.
    """

    groups: Groups
    resamples: int = 1000
    seed: int = 0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise ArgumentError(f"resamples={self.resamples}: at least one is needed, as resamples=1000")
        if not 0 < self.confidence < 1:
            raise ArgumentError(f"confidence={self.confidence}: a share between 0 and 1 is needed, as confidence=0.95")

    def weights(self, rows: int) -> Iterator[Array]:
        """How often each image is drawn, shape (``rows`` or less, images), int32, until all resamples are done."""
        random, groups = np.random.default_rng(self.seed), self.groups.count
        for start in range(0, self.resamples, rows):
            some = min(rows, self.resamples - start)
            draws = random.integers(0, max(groups, 1), (some, groups)) + groups * np.arange(some)[:, None]
            times = np.bincount(draws.ravel(), minlength=some * groups).reshape(some, groups)
            yield np.take(times.astype(np.int32), self.groups.index, axis=1)

    def resample(self, *scores: Weighable, progress: Progress | None = None) -> Samples:
        """The metrics of every score in each resample.

        Args:
            scores: Of one detector, under different protocols.
            progress: Called with the numbers of finished and of all resamples.
        """
        rows = max(1, NUMBERS // max([1, len(self.groups.index), *(score.longest for score in scores)]))
        parts: list[Samples] = []
        done = 0
        for weights in self.weights(rows):
            parts.append({name: values for score in scores for name, values in score.metrics(weights).items()})
            done += len(weights)
            if progress is not None:
                progress(done, self.resamples)
        return {
            protocol: {name: np.concatenate([part[protocol][name] for part in parts]) for name in metrics}
            for protocol, metrics in parts[0].items()
        }

    def interval(self, value: float | None, samples: Array) -> tuple[list[float] | None, str | None]:
        """The interval [low, high] of a value, or None and the reason.

        Args:
            value: What all images give.
            samples: What the resamples give, shape (resamples,), NaN where undefined.
        """
        reason = self.why_undefined(value, samples)
        if value is None or reason is not None:
            return None, reason
        tail = (1 - self.confidence) / 2
        low, high = np.nanquantile(samples, [tail, 1 - tail]).tolist()
        factor = self.stretch()
        return [min(low, value - factor * (value - low)), max(high, value + factor * (high - value))], None

    def stretch(self) -> float:
        """By how much intervals are stretched about their value, because few groups vary less than many would."""
        groups = self.groups.effective
        if groups >= MANY_GROUPS:
            return 1.0
        from scipy.special import ndtri, stdtrit

        tail = (1 + self.confidence) / 2
        return float(stdtrit(groups - 1, tail) / ndtri(tail) * np.sqrt(groups / (groups - 1)))

    def why_undefined(self, value: float | None, samples: Array) -> str | None:
        """Why there is no interval; None if there is one."""
        if value is None:
            return "no such object"
        if self.groups.effective < LEAST_GROUPS:
            what = "images" if self.groups.by == "images" else "groups"
            return f"{self.groups.count} {what} are too few"
        missing = float(np.mean(np.isnan(samples)))
        if missing > 1 - LEAST_DEFINED:
            return f"{missing:.0%} of the resamples hold no such object"
        return None


def compare(
    bootstrap: Bootstrap,
    values: tuple[Mapping[str, float | None], Mapping[str, float | None]],
    samples: tuple[Mapping[str, Array], Mapping[str, Array]],
) -> dict[str, dict[str, Any]]:
    """Paired differences of two detectors on the same images, the second minus the first.

    Args:
        bootstrap: What was drawn.
        values: Metrics of both on all images.
        samples: Metrics of both in the resamples, of the same draws.

    Returns:
        Metric -> ``difference``, ``low``, ``high``, ``probability_positive`` (the share of resamples in which the
        second is better, ties counted half), ``beyond_noise`` (whether the interval leaves out zero), and ``reason``:
        why those that are None are not defined, else None.
    """
    result: dict[str, dict[str, Any]] = {}
    for name in samples[0]:
        first, second = values[0][name], values[1][name]
        difference = None if first is None or second is None else float(_without_rounding(second - first))
        differences = _without_rounding(samples[1][name] - samples[0][name])
        limits, reason = bootstrap.interval(difference, differences)
        low, high = limits or (None, None)
        defined = differences[~np.isnan(differences)]
        better = None if reason else float(np.mean((defined > 0) + 0.5 * (defined == 0)))
        beyond = None if low is None or high is None else low > 0 or high < 0
        result[name] = {"difference": difference, "low": low, "high": high, "probability_positive": better}
        result[name] |= {"beyond_noise": beyond, "reason": reason}
    return result


def _without_rounding(differences: Array | float) -> Array:
    return np.where(np.abs(differences) < ROUNDING, 0.0, differences)
