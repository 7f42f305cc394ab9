# SPDX-License-Identifier: AGPL-3.0-or-later
"""Front, undecided and dominated, by cost and by difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolo_fine.ablation.costs import Cost
from yolo_fine.ablation.pareto import draw_pareto, marks, ratios_of_cost
from yolo_fine.ablation.statistics import Run
from yolo_fine.costs.timing import Ratio


def runs(values: list[float], spread: float = 0.05) -> dict[int, Run]:
    """Runs of one model by seed, whose resamples differ from those of other models."""
    drawn = np.random.default_rng(int(1000 * values[0]))
    return {
        seed: Run(value, value + spread * drawn.standard_normal(400))  # type: ignore[arg-type]
        for seed, value in enumerate(values)
    }


EXACT = {"base": Ratio(1, 1, 1), "dear": Ratio(2, 2, 2), "dearest": Ratio(3, 3, 3)}


def test_a_dearer_and_worse_model_is_dominated() -> None:
    scores = {
        "base": runs([10.0, 10.1, 9.9, 10.0, 10.1]),
        "dear": runs([15.0, 15.1, 14.9, 15.2, 15.0]),
        "dearest": runs([12.0, 12.1, 11.9, 12.0, 12.1]),
    }
    assert marks(scores, EXACT, 40) == {"base": "front", "dear": "front", "dearest": "dominated"}


def test_a_mean_that_may_be_chance_does_not_dominate() -> None:
    scores = {
        "base": runs([10.0, 11.0, 9.0, 10.5, 9.5], 0.5),
        "dear": runs([10.4, 10.6, 9.6, 10.0, 10.4], 0.5),
        "dearest": runs([10.1, 10.8, 9.2, 10.7, 9.4], 0.5),
    }
    assert marks(scores, EXACT, 40) == {"base": "front", "dear": "front", "dearest": "undecided"}


def test_a_dearer_model_dominates_none() -> None:
    scores = {"base": runs([10.0, 10.1, 9.9, 10.0, 10.1]), "dear": runs([15.0, 15.1, 14.9, 15.2, 15.0])}
    assert marks(scores, EXACT, 40) == {"base": "front", "dear": "front"}


def test_cost_within_the_spread_is_no_cost() -> None:
    """A model that may be as fast as a worse one dominates it."""
    scores = {"base": runs([10.0, 10.1, 9.9, 10.0, 10.1]), "same": runs([15.0, 15.1, 14.9, 15.2, 15.0])}
    cost = {"base": Ratio(1, 0.99, 1.02), "same": Ratio(1.01, 0.99, 1.03)}
    assert marks(scores, cost, 40) == {"base": "dominated", "same": "front"}


def test_cost_is_latency_only_if_all_were_timed() -> None:
    timed, counted = Cost(10, 2.0, Ratio(1.3, 1.2, 1.4)), Cost(5, 1.0)
    assert ratios_of_cost({"a": counted, "b": timed}, "a") == (
        "GFLOPs", {"a": Ratio(1, 1, 1), "b": Ratio(2, 2, 2)},
    )  # fmt: skip
    base = Cost(5, 1.0, Ratio(1, 1, 1))
    assert ratios_of_cost({"a": base, "b": timed}, "a") == ("latency", {"a": base.latency, "b": timed.latency})


def test_the_picture_is_the_same_every_time(tmp_path: Path) -> None:
    differences = {"base": (0.0, None, None), "dear": (1.0, 0.5, 1.5)}
    for name in ("one.png", "two.png"):
        draw_pareto(tmp_path / name, differences, EXACT, {"base": "front", "dear": "undecided"}, ("GFLOPs", "AP"))
    one, two = (tmp_path / name for name in ("one.png", "two.png"))
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes().startswith(b"\x89PNG")


def test_no_common_seed_is_no_pair() -> None:
    one, other = runs([10.0, 10.1]), runs([15.0, 15.1])
    shifted = {seed + 5: run for seed, run in other.items()}
    assert marks({"base": one, "dear": shifted}, EXACT, 40) == {"base": "front", "dear": "front"}


def test_a_metric_without_values_dominates_none() -> None:
    nothing = {0: Run(None, np.full(400, np.nan)), 1: Run(None, np.full(400, np.nan))}
    assert marks({"base": nothing, "dear": nothing}, EXACT, 40) == pytest.approx({"base": "front", "dear": "front"})
