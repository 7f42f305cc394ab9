# SPDX-License-Identifier: AGPL-3.0-or-later
"""Holm's correction and what could have been seen, by hand; the verdicts in the order of their rules."""

from __future__ import annotations

import pytest
from scipy import stats

from yolo_fine.ablation.statistics import Comparison
from yolo_fine.ablation.verdicts import Plan, Verdict, holm, verdicts


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_what_could_have_been_seen_by_hand() -> None:
    plan = Plan(0.36, 0.09, 76)
    assert plan.detectable(3) == pytest.approx(1.534631, abs=1e-6)
    assert plan.detectable(5) == pytest.approx(1.190022, abs=1e-6)
    assert plan.detectable(None) == pytest.approx(0.851564, abs=2e-6)
    assert plan.detectable(None) == pytest.approx((stats.t.ppf(0.975, 75) + stats.t.ppf(0.8, 75)) * 0.3)
    assert Plan(0.36, 0.09, 76, comparisons=4).detectable(5) == pytest.approx(1.458861, abs=1e-6)
    assert Plan(0, 0, 76).detectable(3) == 0


def test_how_many_seeds_would_do_by_hand() -> None:
    plan = Plan(0.36, 0.09, 76)
    assert [plan.enough_seeds(wanted, 4) for wanted in (1.2, 1.0, 0.8)] == [5, 11, None]
    assert [round(Plan(s**2, 0.09, 76).enough_seeds(1.0, 4) or 0) for s in (0.3, 0.5, 0.7)] == [4, 8, 15]


def comparison(low: float, high: float, p: float = 0.2, seeds: int = 5, **variances: float) -> Comparison:
    return Comparison(
        seeds=tuple(range(seeds)),
        left_out=(),
        groups=76,
        difference=(low + high) / 2,
        low=low,
        high=high,
        p=None if seeds == 1 else p,
        p_for_holm=None if seeds == 1 else p,
        p_no_gain=None if seeds == 1 else p / 2,
        seed_variance=None if seeds == 1 else variances.get("seed", 0.36),
        image_variance=variances.get("image", 0.09),
    )


def only(one: Comparison, wanted: float = 1.0) -> Verdict:
    (found,) = verdicts([one], wanted, images=500)
    return found


def test_rule_1_no_interval() -> None:
    found = only(Comparison((0, 1), (), 3.0, difference=1.0, reason="3 groups of images are too few"))
    assert (found.words, found.reason) == ("not defined", "3 groups of images are too few")


@pytest.mark.parametrize(("low", "words"), [(-0.1, "within noise"), (0.1, "too few seeds")])
def test_rule_2_one_seed_is_never_beyond_noise(low: float, words: str) -> None:
    found = only(comparison(low, 2, seeds=1))
    assert (found.words, found.reason) == (words, "these two trainings, other images")


def test_rule_3_beyond_noise() -> None:
    assert only(comparison(0.1, 2, p=0.03)).words == "beyond noise"
    assert only(comparison(-2, -0.1, p=0.03)).words == "beyond noise"


def test_rule_4_what_was_wanted_could_have_been_seen() -> None:
    found = only(comparison(-0.1, 2), wanted=1.2)
    assert found.words == "within noise: a difference of 1.19 could have been seen"
    assert found.detectable == pytest.approx(1.190022, abs=1e-6)
    assert found.holm == 0.2


def test_rule_5_more_seeds_would_do() -> None:
    found = only(comparison(-0.1, 2))
    assert (found.words, found.reason) == ("too few seeds: about 11 would do", "to see 1")
    assert only(comparison(-0.1, 2, seeds=3)).words == "too few seeds: about 11 would do"


def test_rule_6_more_seeds_would_not_do() -> None:
    found = only(comparison(-0.1, 2), wanted=0.8)
    assert found.words == (
        "within noise: a difference of 1.19 could have been seen; more seeds can't help, the images set the limit"
    )
    assert found.reason == "about 567 images or more would be needed to see 0.8"  # 500 · (0.851564 / 0.8)²
    found = only(comparison(-0.1, 2), wanted=0.86)
    assert found.words == (
        "within noise: a difference of 1.19 could have been seen; more than 20 seeds would be needed"
    )


def test_among_several_holm_decides() -> None:
    family = [comparison(0.1, 2, p=0.03), comparison(0.5, 2, p=0.001), comparison(-1, 1, p=0.9)]
    first, second, third = verdicts(family, 2.0, images=500)
    assert first.detectable == pytest.approx(Plan(0.36, 0.09, 76, 3).detectable(5))
    within = f"within noise: a difference of {first.detectable:.2f} could have been seen"
    assert first.words == f"{within} (beyond noise alone, not among 3)"
    assert (second.words, third.words) == ("beyond noise", within)
    assert [one.holm for one in (first, second, third)] == pytest.approx([0.06, 0.003, 0.9])


def test_few_seeds_among_several_claim_no_power() -> None:
    family = [comparison(-0.1, 2, seeds=3), comparison(-1, 1, seeds=3)]
    found = verdicts(family, 2.0, images=500)[0]
    assert (found.words, found.detectable) == ("too few seeds: about 5 would do", None)
    found = verdicts(family, 0.5, images=500)[0]
    x = Plan(0.36, 0.09, 76, 2).detectable(5)
    assert found.words == (
        f"within noise: 5 seeds would see a difference of {x:.2f}; more seeds can't help, the images set the limit"
    )


def test_the_variance_over_seeds_is_that_of_all_variants() -> None:
    family = [comparison(-1, 1, seed=0.2), comparison(-1, 1, seed=0.52)]
    assert verdicts(family, 5.0, 500)[0].detectable == pytest.approx(Plan(0.36, 0.09, 76, 2).detectable(5))


def test_a_comparison_without_probability_stays_in_the_family() -> None:
    family = [comparison(0.1, 2, p=0.03), Comparison((), (), 76, reason="no seed was finished by both")]
    found = verdicts(family, 5.0, 500)
    assert found[0].words.endswith("(beyond noise alone, not among 2)")
    assert found[1].words == "not defined"
