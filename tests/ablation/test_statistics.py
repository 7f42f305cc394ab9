# SPDX-License-Identifier: AGPL-3.0-or-later
"""Intervals over seeds and images: values computed by hand, edge cases, and how often they hold the true difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from yolo_fine.ablation.statistics import Run, compare, components, interval

# Differences of three seeds, and how four resamples of the images move them.
DIFFERENCES = np.array([0.4, 1.0, 1.6])
RESAMPLED = DIFFERENCES + np.array([[0.3, 0.3, 0.3], [-0.3, -0.3, -0.3], [0.1, -0.1, 0], [-0.1, 0.1, 0]])
NEAR = {"abs": 5e-7}


def test_variances_by_hand() -> None:
    # Over seeds 0.36. Covariances between seeds: (0.18 - 0.02)/3, 0.18/3 twice; variances 0.2/3 twice, 0.18/3.
    common = (0.16 + 0.18 + 0.18) / 9 * 11 / 10
    joint = (0.2 + 0.2 + 0.18) / 9 * 11 / 10 - common
    assert components(DIFFERENCES, RESAMPLED, 11) == pytest.approx((0.36, common, joint))
    assert (common, joint) == pytest.approx((0.0635556, 0.0073333), **NEAR)


def test_an_interval_by_hand() -> None:
    found = interval(DIFFERENCES, RESAMPLED, 11)
    a, c = 0.12, 0.0635556
    error, df = np.sqrt(a + c), (a + c) ** 2 / (a**2 / 2 + c**2 / 10)
    assert (error, df) == pytest.approx((0.4284338, 4.430951), abs=2e-6)
    t = stats.t.ppf(0.975, df)
    assert (found["low"], found["high"]) == pytest.approx((1 - t * error, 1 + t * error), abs=1e-6)
    assert (found["low"], found["high"]) == pytest.approx((-0.145257, 2.145257), abs=1e-6)
    assert (found["p"], found["p_no_gain"], found["p_for_holm"]) == pytest.approx(
        (0.073540, 0.036770, 0.109083), **NEAR
    )
    assert (found["seed_variance"], found["image_variance"]) == pytest.approx((0.36, 0.0635556), **NEAR)


def test_seeds_that_agree_by_luck_do_not_look_sure() -> None:
    differences = np.array([0.9, 1.0, 1.1])
    moves = np.array([[0.6, -0.3, 0], [-0.6, 0.3, 0], [0, 0.6, -0.3], [0, -0.6, 0.3]])
    assert components(differences, differences + moves, 21) == pytest.approx((0.01, 0, 0.21))  # c would be -0.084
    found = interval(differences, differences + moves, 21)
    assert (found["low"], found["high"]) == pytest.approx((0.448106, 1.551894), abs=1e-6)
    assert found["p"] == pytest.approx(0.001177, **NEAR)
    assert found["seed_variance"] == pytest.approx(0.21)


def test_two_seeds_have_an_interval_of_their_own() -> None:
    differences = np.array([0.5, 1.5])
    found = interval(differences, differences + np.array([[0.3, 0.3], [-0.3, -0.3]]), 11)
    assert found["image_variance"] == pytest.approx(0.198)
    assert (found["low"], found["high"]) == pytest.approx((-4.405007, 6.405007), abs=1e-6)


def test_one_seed_says_nothing_of_others() -> None:
    found = interval(np.array([1.0]), np.array([[1.5], [0.5], [1.2], [0.8]]), 21)
    assert found["image_variance"] == pytest.approx(0.203)
    half = stats.t.ppf(0.975, 20) * np.sqrt(0.203)
    assert (found["low"], found["high"]) == pytest.approx((1 - half, 1 + half))
    assert "p" not in found
    assert "seed_variance" not in found


def runs(values: dict[int, float | None], resampled: float = 0.0, count: int = 400) -> dict[int, Run]:
    random = np.random.default_rng(0)
    moves = random.normal(0, 1, count)
    return {
        seed: Run(value, (value or 0) + resampled * (moves + random.normal(0, 1, count)))
        for seed, value in values.items()
    }


def test_pairs_are_the_seeds_that_both_finished() -> None:
    arm, baseline = runs({0: 12.0, 1: 13.0, 2: 12.0, 4: 15.0}, 0.1), runs({0: 11.0, 1: 11.0, 2: 11.5, 3: 2.0})
    found = compare(arm, baseline, 50)
    assert (found.seeds, found.left_out) == ((0, 1, 2), (3, 4))
    assert found.difference == pytest.approx(3.5 / 3)
    assert found.low is not None
    assert found.low < 3.5 / 3 < (found.high or 0)
    back = compare(baseline, arm, 50)
    assert (back.low, back.high) == pytest.approx((-(found.high or 0), -found.low))
    assert (found.p_no_gain or 0) + (back.p_no_gain or 0) == pytest.approx(1)


@pytest.mark.parametrize(
    ("arm", "baseline", "groups", "reason"),
    [
        (runs({0: 1.0}), runs({1: 1.0}), 50, "no seed was finished by both"),
        (runs({0: 1.0, 1: None}), runs({0: 1.0, 1: 1.0}), 50, "no such object"),
        (runs({0: 1.0, 1: 2.0}, 1.0), runs({0: 1.0, 1: 1.0}), 4.9, "4.9 groups of images are too few"),
        (runs({0: 1.0, 1: 1.0}), runs({0: 1.0, 1: 1.0}), 50, "neither seeds nor images make a difference"),
        (runs({0: 2.0, 1: 2.0}), runs({0: 1.0, 1: 1.0}), 50, "neither seeds nor images make a difference"),
    ],
)
def test_what_can_not_be_computed_is_not_defined(arm: Any, baseline: Any, groups: float, reason: str) -> None:
    found = compare(arm, baseline, groups)
    assert found.reason == reason
    assert found.low is found.high is found.p is found.p_no_gain is found.p_for_holm is None
    assert not found.leaves_out_zero


@pytest.mark.parametrize(("undefined", "is_defined"), [(20, True), (21, False)])
def test_a_resample_counts_if_it_is_defined_for_all_seeds(undefined: int, is_defined: bool) -> None:
    arm, baseline = runs({0: 1.0, 1: 2.0, 2: 3.0}, 0.3), runs({0: 1.0, 1: 1.0, 2: 1.0}, 0.2)
    arm[0].resampled[: undefined // 2] = np.nan
    baseline[2].resampled[undefined // 2 : undefined] = np.nan
    found = compare(arm, baseline, 50)
    assert (found.low is not None) == is_defined
    assert found.reason == (None if is_defined else "5% of the resamples hold no such object")
    if is_defined:
        kept = {seed: Run(run.value, run.resampled[undefined:]) for seed, run in arm.items()}
        other = {seed: Run(run.value, run.resampled[undefined:]) for seed, run in baseline.items()}
        assert found == compare(kept, other, 50)


@pytest.mark.parametrize(
    ("seeds", "groups", "spread"), [(3, 75, (0.3, 0.5, 0.2)), (5, 20, (0.3, 0.6, 0.2)), (5, 75, (0.5, 0.5, 0.2))]
)
def test_intervals_hold_the_true_difference_95_times_in_100(
    seeds: int, groups: int, spread: tuple[float, float, float]
) -> None:
    """Normal effects of seeds, of groups of images, and of both together; the true difference is 0."""
    random, repetitions = np.random.default_rng(1), 1500
    of_seed, of_group, of_both = spread[0], spread[1] * groups**0.5, spread[2] * groups**0.5
    held = 0
    for _ in range(repetitions):
        values = of_seed * random.standard_normal((seeds, 1)) + of_group * random.standard_normal((1, groups))
        values = values + of_both * random.standard_normal((seeds, groups))
        resampled = random.multinomial(groups, np.full(groups, 1 / groups), 300) @ values.T / groups
        found = interval(values.mean(axis=1), resampled, groups)
        held += found["low"] < 0 < found["high"]
    assert 0.93 <= held / repetitions <= 0.97


def test_the_spread_of_the_seeds_alone_would_be_too_little() -> None:
    """Otherwise the test above says little: the usual t interval over three seeds holds it less than 90 times."""
    random, repetitions = np.random.default_rng(1), 4000
    means = 0.5 * random.standard_normal((repetitions, 3)) + 0.5 * random.standard_normal((repetitions, 1))
    means += 0.2 * random.standard_normal((repetitions, 3))
    half = stats.t.ppf(0.975, 2) * means.std(axis=1, ddof=1) / np.sqrt(3)
    assert np.mean(np.abs(means.mean(axis=1)) < half) < 0.9
