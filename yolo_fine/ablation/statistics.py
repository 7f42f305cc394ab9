# SPDX-License-Identifier: AGPL-3.0-or-later
"""The difference of two model variants over several training seeds, with an interval for new seeds and new images.

For seed s, d_s is the metric of one variant (the arm) minus that of the other (the baseline) on the same images; the
estimate is their mean. In the model d_s = difference + u_s + v + w_s, u varies with the seed, v with the images (it is
common to all seeds), w with both. The variance over seeds holds u and w, a bootstrap over images holds v
and w. Adding the two would count w twice; so v is taken from what the resamples of different seeds have in common. The
degrees of freedom are Satterthwaite's ("An approximate distribution of estimates of variance components", Biometrics
Bulletin 2, 1946).

All runs must be resampled with the same draws: :class:`yolo_fine.evaluation.bootstrap.Bootstrap` of one seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolo_fine.evaluation.bootstrap import LEAST_DEFINED, LEAST_GROUPS
from yolo_fine.utils.arrays import Array

ERROR = 0.05  # of a 95 % interval
FEW_SEEDS = 5  # below, Satterthwaite's far tail is too thin for Holm's correction


@dataclass(frozen=True)
class Run:
    """One metric of one training.

    Attributes:
        value: On all images; None if it is not defined.
        resampled: In each resample of the images, shape (resamples,), NaN where undefined.
    """

    value: float | None
    resampled: Array


@dataclass(frozen=True)
class Comparison:
    """What is known of a difference. What can't be computed is None, with the reason.

    Attributes:
        seeds: The seeds that both variants finished.
        left_out: Those that only one finished.
        groups: Effective number of groups of images (Kish).
        difference: Mean over seeds, arm minus baseline.
        low: End of the 95 % interval.
        high: The other end.
        p: Two-sided probability of such a difference if there was none; None with one seed.
        p_for_holm: The same for a correction over several comparisons: with few seeds a stricter one.
        p_no_gain: If nothing was known before, the chance that the true difference is 0 or below.
        seed_variance: Variance over seeds of one difference, at least what the images alone give it.
        image_variance: Variance that is common to all seeds.
        reason: Why there is no interval; None if there is one.
    """

    seeds: tuple[int, ...]
    left_out: tuple[int, ...]
    groups: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_for_holm: float | None = None
    p_no_gain: float | None = None
    seed_variance: float | None = None
    image_variance: float | None = None
    reason: str | None = None

    @property
    def leaves_out_zero(self) -> bool:
        """Whether the interval is on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def compare(arm: Mapping[int, Run], baseline: Mapping[int, Run], groups: float) -> Comparison:
    """Compare two variants, paired by seed.

    Args:
        arm: The runs of one variant by seed.
        baseline: Those of the other.
        groups: Effective number of groups of images, :attr:`yolo_fine.evaluation.groups.Groups.effective`.
    """
    seeds = tuple(sorted(arm.keys() & baseline.keys()))
    left_out = tuple(sorted(arm.keys() ^ baseline.keys()))
    if not seeds:
        return Comparison(seeds, left_out, groups, reason="no seed was finished by both")
    pairs = [(arm[seed], baseline[seed]) for seed in seeds]
    values = [(one.value, other.value) for one, other in pairs]
    differences = np.array([one - other for one, other in values if one is not None and other is not None])
    if len(differences) < len(seeds):
        return Comparison(seeds, left_out, groups, reason="no such object")
    resampled = np.stack([one.resampled - other.resampled for one, other in pairs], axis=1)
    return Comparison(seeds, left_out, groups, **interval(differences, resampled, groups))


def interval(differences: Array, resampled: Array, groups: float) -> dict[str, Any]:
    """The interval of a mean difference: the values of :class:`Comparison` from ``difference`` on.

    Args:
        differences: For each seed, shape (seeds,).
        resampled: The same in each resample, shape (resamples, seeds), NaN where undefined.
        groups: Effective number of groups of images.
    """
    from scipy.special import stdtr, stdtrit

    mean, seeds = float(np.mean(differences)), len(differences)
    defined: Array = np.logical_not(np.isnan(resampled).any(axis=1))
    if groups < LEAST_GROUPS:
        return {"difference": mean, "reason": f"{groups:.3g} groups of images are too few"}
    if not len(defined) or np.mean(defined) < LEAST_DEFINED:
        return {"difference": mean, "reason": f"{np.mean(~defined):.0%} of the resamples hold no such object"}
    within, common, joint = components(differences, resampled[defined], groups)
    per_seed = within if seeds == 1 else max(within, joint)
    a = 0.0 if seeds == 1 else per_seed / seeds
    variance = a + common
    if variance == 0:
        return {"difference": mean, "reason": "neither seeds nor images make a difference"}
    error, image_df = float(np.sqrt(variance)), groups - 1
    seed_df = seeds - 1 if within >= joint else image_df
    df = image_df if seeds == 1 else satterthwaite(a, seed_df, common, image_df)
    quantile = stdtrit(df, 1 - ERROR / 2)
    if seeds == 2:  # there Satterthwaite's interval holds from 91 to 100 %
        quantile = (a * stdtrit(seed_df, 1 - ERROR / 2) + common * stdtrit(image_df, 1 - ERROR / 2)) / variance
    found = {
        "difference": mean,
        "low": mean - float(quantile) * error,
        "high": mean + float(quantile) * error,
        "image_variance": common,
    }
    if seeds == 1:  # what another seed would give is not known
        return found
    t = abs(mean) / error
    p = 2 * float(stdtr(df, -t))
    mixed = 2 * float(a * stdtr(seed_df, -t) + common * stdtr(image_df, -t)) / variance
    return {
        **found,
        "p": p,
        "p_for_holm": mixed if seeds < FEW_SEEDS else p,
        "p_no_gain": float(stdtr(df, -mean / error)),
        "seed_variance": per_seed,
    }


def components(differences: Array, resampled: Array, groups: float) -> tuple[float, float, float]:
    """Variance over seeds, variance common to all seeds, and variance of a seed's own share in the images.

    The resamples' covariance between seeds estimates the second; what their variance has beyond it, the third. Both are
    at least 0. One seed can't separate them: all of it is the second, and the others are 0.

    Args:
        differences: For each seed, shape (seeds,).
        resampled: In each resample, shape (resamples, seeds), without NaN.
        groups: Effective number of groups of images; a bootstrap of n groups is too narrow by (n - 1) / n.
    """
    seeds = len(differences)
    covariance = np.atleast_2d(np.cov(resampled, rowvar=False)) * groups / (groups - 1)
    diagonal = float(np.trace(covariance))
    if seeds == 1:
        return 0.0, diagonal, 0.0
    common = max((float(covariance.sum()) - diagonal) / (seeds * (seeds - 1)), 0.0)
    joint = max(diagonal / seeds - common, 0.0)
    return float(np.var(differences, ddof=1)), common, joint


def satterthwaite(a: float, a_df: float, b: float, b_df: float) -> float:
    """Degrees of freedom of the sum of two estimated variances; their sum must not be 0."""
    return (a + b) ** 2 / (a**2 / a_df + b**2 / b_df)
