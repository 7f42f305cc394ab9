# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a family of comparisons with one baseline says: Holm's correction, what could have been seen, a verdict each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_fine.ablation.statistics import ERROR, FEW_SEEDS, Comparison, satterthwaite

POWER = 0.8  # chance to see a difference that is there
MOST_SEEDS = 20  # more are not proposed


@dataclass(frozen=True)
class Verdict:
    """The verdict on a comparison.

    Attributes:
        words: ``not defined``, ``beyond noise``, ``within noise...`` or ``too few seeds...``.
        reason: What there is to add: why it is not defined, how many images would do; empty if nothing.
        holm: Probability after Holm's correction; None without one.
        detectable: The true difference that these seeds would have shown with a power of 80 %; None if unknown.
    """

    words: str
    reason: str = ""
    holm: float | None = None
    detectable: float | None = None


@dataclass(frozen=True)
class Family:
    """What the comparisons of several variants with one baseline, under one metric, have in common.

    Attributes:
        size: Number of comparisons.
        wanted: The difference that should be seen if it is there, in the unit of the metric.
        images: Number of images that the metric comes from.
        seed_variance: Mean over the comparisons of the variance over seeds; None if no comparison has one.
    """

    size: int
    wanted: float
    images: int
    seed_variance: float | None


def verdicts(comparisons: Sequence[Comparison], wanted: float, images: int) -> list[Verdict]:
    """A verdict for each comparison of a family, see :class:`Family`."""
    size = len(comparisons)
    # A comparison without a probability stays in the family, where it can't be beyond noise.
    probabilities = [one.p_for_holm if size > 1 or len(one.seeds) == 2 else one.p for one in comparisons]
    corrected = holm([1.0 if p is None else p for p in probabilities])
    variances = [one.seed_variance for one in comparisons if one.seed_variance is not None]
    family = Family(size, wanted, images, float(np.mean(variances)) if variances else None)
    return [verdict(one, p, family) for one, p in zip(comparisons, corrected, strict=True)]


def verdict(one: Comparison, corrected: float, family: Family) -> Verdict:
    """The verdict on one comparison: the first rule that fits.

    Args:
        one: The comparison.
        corrected: Its probability after Holm's correction.
        family: What it belongs to.
    """
    if one.low is None:
        return Verdict("not defined", one.reason or "")
    if family.seed_variance is None or one.image_variance is None or len(one.seeds) == 1:
        return Verdict("too few seeds" if one.leaves_out_zero else "within noise", "these two trainings, other images")
    few = family.size > 1 and len(one.seeds) < FEW_SEEDS
    seeds = FEW_SEEDS if few else len(one.seeds)
    plan = Plan(family.seed_variance, one.image_variance, one.groups, family.size)
    words, reason = _words(one, corrected, family, plan)
    return Verdict(words, reason, corrected, None if few else plan.detectable(seeds))


def _words(one: Comparison, corrected: float, family: Family, plan: Plan) -> tuple[str, str]:
    """Words and reason of a verdict on several seeds."""
    if one.leaves_out_zero and (family.size == 1 or corrected < ERROR):
        return "beyond noise", ""
    aside = f" (beyond noise alone, not among {family.size})" if one.leaves_out_zero else ""
    if family.size > 1 and len(one.seeds) < FEW_SEEDS:  # the power that a few seeds have after Holm is not known
        within = f"within noise: {FEW_SEEDS} seeds would see a difference of {plan.detectable(FEW_SEEDS):.2f}"
        needed = plan.enough_seeds(family.wanted, FEW_SEEDS)
    else:
        seen = plan.detectable(len(one.seeds))
        within = f"within noise: a difference of {seen:.2f} could have been seen"
        if seen <= family.wanted:
            return within + aside, ""
        needed = plan.enough_seeds(family.wanted, len(one.seeds) + 1)
    if needed is not None:
        return f"too few seeds: about {needed} would do{aside}", f"to see {family.wanted:g}"
    limit = plan.detectable(None)
    if limit <= family.wanted:
        return f"{within}; more than {MOST_SEEDS} seeds would be needed{aside}", f"to see {family.wanted:g}"
    images = int(np.ceil(family.images * (limit / family.wanted) ** 2))
    words = f"{within}; more seeds can't help, the images set the limit{aside}"
    return words, f"about {images:,} images or more would be needed to see {family.wanted:g}"


@dataclass(frozen=True)
class Plan:
    """What seeds and images can show.

    Attributes:
        seed_variance: Of one difference over seeds.
        image_variance: Common to all seeds; more seeds don't shrink it.
        groups: Effective number of groups of images.
        comparisons: How many comparisons Holm's correction is for.
    """

    seed_variance: float
    image_variance: float
    groups: float
    comparisons: int = 1

    def detectable(self, seeds: int | None) -> float:
        """The true difference that this number of seeds (None: any number) finds with a power of 80 %."""
        from scipy.special import stdtrit

        a = 0.0 if seeds is None else self.seed_variance / seeds
        variance = a + self.image_variance
        if variance == 0:
            return 0.0
        df = self.groups - 1
        if seeds is not None:
            df = satterthwaite(a, seeds - 1, self.image_variance, df)
        tails = stdtrit(df, 1 - ERROR / (2 * self.comparisons)) + stdtrit(df, POWER)
        return float(tails * np.sqrt(variance))

    def enough_seeds(self, wanted: float, least: int) -> int | None:
        """The smallest number of seeds, from ``least`` to 20, that finds the wanted difference; None if none does.

        From the variances of three seeds this is a rough number.
        """
        return next((n for n in range(least, MOST_SEEDS + 1) if self.detectable(n) <= wanted), None)


def holm(p: Sequence[float]) -> list[float]:
    """Probabilities after Holm's correction, in the order given.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(factors * np.asarray(p, dtype=np.float64)[order]))
    return [float(value) for value in corrected]
