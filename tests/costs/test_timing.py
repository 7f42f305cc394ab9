# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ratios of times: what is printed as a number, and what is not."""

from __future__ import annotations

import random

import pytest

from yolo_fine.costs import timing
from yolo_fine.costs.bench import slope
from yolo_fine.costs.timing import Ratio, median_limits, quartiles, ratio, take_turns


def test_a_ratio_is_of_the_same_round() -> None:
    """A machine that gets slower in the middle does not change it."""
    yardstick = [1.0, 1.1, 0.9, 5.0, 5.5, 4.5, 1.0, 1.0, 1.0]
    found = ratio([2 * one for one in yardstick], yardstick)
    assert found == Ratio(2.0, 2.0, 2.0)
    assert str(found) == "2.00"


def test_a_ratio_is_refused_when_the_spread_is_larger_than_the_difference() -> None:
    chance = random.Random(0)
    yardstick = [1 + chance.uniform(-0.2, 0.2) for _ in range(30)]
    own = [1.01 + chance.uniform(-0.2, 0.2) for _ in range(30)]
    found = ratio(own, yardstick)
    assert found.low < 1 < found.high
    assert not found.is_clear
    assert str(found).startswith("within noise of 1 (0.88 to")


def test_few_rounds_give_their_extremes() -> None:
    assert ratio([1.0, 3.0, 2.0], [1.0, 1.0, 1.0]) == Ratio(2.0, 1.0, 3.0)
    assert median_limits(1) == (0, 0)


def test_limits_of_the_median_hold_95_percent() -> None:
    # Places of the sign test's interval, one-based 10 and 21 of 30: Conover, "Practical Nonparametric Statistics".
    assert median_limits(30) == (9, 20)
    chance, held = random.Random(1), 0
    for _ in range(1000):
        drawn = sorted(chance.gauss(0, 1) for _ in range(30))
        held += drawn[9] <= 0 <= drawn[20]
    assert held >= 940


def test_quartiles() -> None:
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0)


def test_all_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(len(called)))
    times = take_turns({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 2)
    assert called == ["a", "a", "b", "b"] * 2  # each once untimed, once timed
    assert times == {"a": [1000.0, 1000.0], "b": [1000.0, 1000.0]}


@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
def test_the_exponent_of_a_power_law(power: float) -> None:
    assert slope([(x, 3 * x**power) for x in (10, 20, 80)]) == pytest.approx(power)


def test_nothing_counted_grows_with_nothing() -> None:
    assert slope([(10, 0.0), (20, 0.0)]) == 0.0
