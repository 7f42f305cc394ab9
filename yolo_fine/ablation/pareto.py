# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which models of an ablation are worth their cost: front, undecided or dominated."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Literal

from yolo_fine.ablation.costs import Cost
from yolo_fine.ablation.statistics import ERROR, Comparison, Run, compare
from yolo_fine.ablation.verdicts import holm
from yolo_fine.costs.timing import Ratio
from yolo_fine.utils.files import finished_file

Mark = Literal["front", "undecided", "dominated"]
COLOURS: dict[Mark, str] = {"front": "#1a7f37", "undecided": "#9a6700", "dominated": "#8c959f"}


def ratios_of_cost(costs: Mapping[str, Cost], baseline: str) -> tuple[str, dict[str, Ratio]]:
    """What cost means, and each model's ratio to the baseline: latency where it was timed, else GFLOPs."""
    if all(cost.latency is not None for cost in costs.values()):
        return "latency", {name: cost.latency for name, cost in costs.items() if cost.latency is not None}
    exact = {name: cost.gflops / costs[baseline].gflops for name, cost in costs.items()}
    return "GFLOPs", {name: Ratio(value, value, value) for name, value in exact.items()}


def marks(runs: Mapping[str, Mapping[int, Run]], cost: Mapping[str, Ratio], groups: float) -> dict[str, Mark]:
    """Mark every model.

    One is dominated if another, which is not dearer beyond the spread of the times, is better beyond noise (Holm over
    all such pairs); undecided if another's mean is higher, but not beyond noise; else on the front.

    Args:
        runs: The runs of each model by seed, under one metric.
        cost: Ratio of each model's cost to the baseline's.
        groups: Effective number of groups of images.
    """
    pairs = {
        (rival, name): compare(runs[rival], runs[name], groups)
        for rival, name in permutations(runs, 2)
        if cost[rival].low <= cost[name].high and set(runs[rival]) & set(runs[name])
    }
    corrected = holm([_probability(found) for found in pairs.values()])
    result: dict[str, Mark] = dict.fromkeys(runs, "front")
    for ((_, name), found), p in zip(pairs.items(), corrected, strict=True):
        if found.difference is None or found.difference <= 0 or result[name] == "dominated":
            continue
        result[name] = "dominated" if found.leaves_out_zero and p < ERROR else "undecided"
    return result


def _probability(found: Comparison) -> float:
    return 1.0 if found.p_for_holm is None else found.p_for_holm


def draw_pareto(
    file: Path,
    differences: Mapping[str, tuple[float, float | None, float | None]],
    cost: Mapping[str, Ratio],
    mark: Mapping[str, Mark],
    labels: tuple[str, str],
) -> None:
    """Draw the difference to the baseline over the cost of every model, with intervals.

    Args:
        file: A ``.png`` file.
        differences: Difference, low and high end of its interval (None without one) by model.
        cost: Ratio of cost to the baseline's by model.
        mark: The mark of each model.
        labels: Of the axes: kind of cost, and the metric.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    for name, (difference, low, high) in differences.items():
        x, colour = cost[name], COLOURS[mark[name]]
        if low is not None and high is not None:
            axes.plot([x.value, x.value], [low, high], color=colour, lw=1.2)
        axes.plot([x.low, x.high], [difference, difference], color=colour, lw=1.2)
        axes.plot([x.value], [difference], "o", color=colour, ms=6)
        axes.annotate(name, (x.value, difference), xytext=(5, 4), textcoords="offset points", fontsize=8)
    for kind, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, label=kind)
    axes.axhline(0, color="#888", lw=0.8)
    axes.set_xlabel(f"{labels[0]}, baseline = 1")
    axes.set_ylabel(f"{labels[1]}: difference to the baseline, points")
    axes.set_title("bars compare with the baseline, not with each other", fontsize=9)
    axes.legend(fontsize=8)
    axes.grid(True, lw=0.3)
    with finished_file(file) as part:
        figure.savefig(part, dpi=130, format="png", metadata={"Software": None})
