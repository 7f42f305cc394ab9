# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an ablation found: ``results.csv``, ``report.json``, ``report.md``, ``report.html`` and ``pareto.png``."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from yolo_fine.ablation.comparisons import (
    Compared,
    Finished,
    compare_all,
    failures,
    groups_and_images,
    missing,
    read_finished,
    results_csv,
    runs_of,
)
from yolo_fine.ablation.costs import Cost
from yolo_fine.ablation.pareto import Mark, draw_pareto, marks, ratios_of_cost
from yolo_fine.ablation.plan import Plan, Run
from yolo_fine.utils.files import write_json, write_text
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Row, Table

RESULTS, REPORT, PICTURE = "results.csv", "report", "pareto.png"


@dataclass(frozen=True, repr=False)
class Ablation(Result):
    """What is known so far.

    Attributes:
        plan: What was asked for.
        finished: The finished runs.
        comparisons: Every model with the baseline: under the deciding metric first, then under the others.
        costs: Cost of every model.
        marks: Whether a model is worth its cost, under the deciding metric; empty before there are two models.
        failed: What failed runs said, by name of their folder.
        missing: Names of the runs that are not finished.
    """

    plan: Plan
    finished: Mapping[Run, Finished]
    comparisons: Sequence[Compared]
    costs: Mapping[str, Cost]
    marks: Mapping[str, Mark] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Whether no run failed."""
        return not self.failed

    @property
    def deciding(self) -> list[Compared]:
        """The comparisons under the metric that decides."""
        return [one for one in self.comparisons if one.metric == self.plan.metric]

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        baseline = self.costs[self.plan.baseline]
        return {
            "baseline": self.plan.baseline,
            "metric": self.plan.metric,
            "finished": len(self.finished),
            "runs": len(self.plan.runs),
            "comparisons": [one.to_dict() for one in self.comparisons],
            "costs": {
                name: asdict(cost)
                | {
                    "parameters_ratio": cost.parameters / baseline.parameters,
                    "gflops_ratio": cost.gflops / baseline.gflops,
                }
                for name, cost in self.costs.items()
            },
            "pareto": dict(self.marks),
            "failed": dict(self.failed),
            "missing": list(self.missing),
        }

    def summary(self) -> str:
        """How much is finished, and what is beyond noise."""
        lines = [f"{len(self.finished)} of {len(self.plan.runs)} runs finished, baseline {self.plan.baseline}"]
        beyond = [one for one in self.deciding if one.verdict.words == "beyond noise"]
        for one in beyond[:5]:
            lines.append(f"{one.model}: {self.plan.metric} {interval_text(one)}, beyond noise")
        if self.deciding and not beyond:
            lines.append(f"no difference of {self.plan.metric} is beyond noise")
        if self.failed:
            lines.append(f"{len(self.failed)} failed: {', '.join(self.failed)}")
        return "\n".join(lines)

    def table(self) -> Sequence[Row]:
        """A row a model, under the deciding metric."""
        return self.rows(self.plan.metric)

    def rows(self, metric: str) -> list[dict[str, Any]]:
        """A row a model, under one metric."""
        baseline = {
            "model": self.plan.baseline,
            metric: mean_text(self.finished, self.plan.baseline, metric),
            "difference, 95 %": "baseline",
            "no gain": "",
            "seeds": sum(run.arm.name == self.plan.baseline for run in self.finished),
            "verdict": "",
        }
        return [
            baseline,
            *(
                {
                    "model": one.model,
                    metric: mean_text(self.finished, one.model, metric),
                    "difference, 95 %": interval_text(one),
                    "no gain": "" if one.comparison.p_no_gain is None else f"{one.comparison.p_no_gain:.3f}",
                    "seeds": len(one.comparison.seeds),
                    "verdict": verdict_text(one),
                }
                for one in self.comparisons
                if one.metric == metric
            ),
        ]

    def cost_rows(self) -> list[dict[str, Any]]:
        """A row a model: cost as ratios to the baseline."""
        base = self.costs[self.plan.baseline]
        return [
            {
                "model": name,
                "parameters (M)": f"{cost.parameters / 1e6:.2f}",
                "ratio": f"{cost.parameters / base.parameters:.2f}",
                "GFLOPs": f"{cost.gflops:.2f}",
                "GFLOPs ratio": f"{cost.gflops / base.gflops:.2f}",
                "latency ratio": "" if cost.latency is None else f"{cost.latency}",
                "worth its cost": self.marks.get(name, ""),
            }
            for name, cost in self.costs.items()
        ]

    def show(self) -> list[str | Table]:
        """Comparisons under the deciding metric and costs."""
        parts: list[str | Table] = [self.summary()]
        if self.comparisons:
            parts.append(Table(self.table()))
        parts.append(Table(self.cost_rows()))
        return [*parts, *(f"failed: {name}: {said}" for name, said in self.failed.items())]

    def sections(self) -> list[tuple[str, str | Table]]:
        """The report: titles, and a text or table under each."""
        plan = self.plan
        conditions = ", ".join(f"{key}={value}" for key, value in plan.training.items())
        parts: list[tuple[str, str | Table]] = [
            ("Ablation", self.summary()),
            (
                "Conditions",
                f"data={plan.data}, weights={plan.weights}, {conditions}; {plan.metric} decides, which was said before "
                "the first run; last.pt is judged; points of 0 to 100; intervals are for new seeds and new images, "
                "and the verdict is corrected for the number of models (Holm).",
            ),
        ]
        if self.comparisons:
            parts.append((f"{plan.metric}, which decides", Table(self.table())))
        parts.append(("Cost", Table(self.cost_rows())))
        others = list(dict.fromkeys(one.metric for one in self.comparisons if one.metric != plan.metric))
        parts += [(metric, Table(self.rows(metric))) for metric in others]
        if self.failed:
            rows = [{"run": name, "said": said} for name, said in self.failed.items()]
            parts.append(("Failed runs", Table(rows)))
        if self.missing:
            parts.append(("Not finished", ", ".join(self.missing)))
        return parts


def read_ablation(plan: Plan, folder: Path, costs: Mapping[str, Cost]) -> Ablation:
    """Everything that the finished runs of a folder say."""
    finished = read_finished(plan, folder)
    comparisons = compare_all(plan, finished) if finished else []
    found: dict[str, Mark] = {}
    runs = {arm.name: runs_of(plan, finished, arm, plan.metric) for arm in plan.arms if arm.seed_offset == 0}
    runs = {name: own for name, own in runs.items() if own}
    if len(runs) > 1:
        _, cost = ratios_of_cost(costs, plan.baseline)
        found = marks(runs, cost, groups_and_images(finished)[0])
    left = [run.name for run in missing(plan, finished)]
    return Ablation(plan, finished, comparisons, costs, found, failures(plan, folder), left)


def write_reports(found: Ablation, folder: Path) -> None:
    """Write all files of the report, each whole or not at all."""
    write_text(folder / RESULTS, results_csv(found.finished))
    write_json(folder / f"{REPORT}.json", found.to_dict())
    if found.marks:
        label, cost = ratios_of_cost(found.costs, found.plan.baseline)
        shown: dict[str, tuple[float, float | None, float | None]] = {found.plan.baseline: (0.0, None, None)}
        for one in found.deciding:
            if one.comparison.difference is not None and one.model in found.marks:
                shown[one.model] = one.comparison.difference, one.comparison.low, one.comparison.high
        draw_pareto(folder / PICTURE, shown, cost, found.marks, (label, found.plan.metric))
    write_text(folder / f"{REPORT}.md", markdown(found))
    write_text(folder / f"{REPORT}.html", html(found, folder))


def markdown(found: Ablation) -> str:
    """``report.md``."""
    parts = []
    for level, (title, content) in enumerate(found.sections()):
        text = content.to_markdown() if isinstance(content, Table) else content.replace("\n", "  \n")
        parts.append(f"{'#' if level == 0 else '##'} {title}\n\n{text}\n")
    if found.marks:
        parts.insert(1, f"![{found.plan.metric} over cost]({PICTURE})\n")
    return "\n".join(parts)


def html(found: Ablation, folder: Path) -> str:
    """``report.html``: one file with its picture, which asks the network for nothing."""
    parts = []
    for title, content in found.sections():
        text = content.to_html() if isinstance(content, Table) else f"<p>{escape(content)}</p>".replace("\n", "<br>")
        parts.append(f"<h2>{escape(title)}</h2>{text}")
    if found.marks:
        picture = base64.b64encode((folder / PICTURE).read_bytes()).decode()
        parts.insert(1, f'<img alt="{escape(found.plan.metric)} over cost" src="data:image/png;base64,{picture}">')
    return f'<!doctype html><meta charset="utf-8"><title>Ablation</title><style>{STYLE}</style>{"".join(parts)}'


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328 }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #d1d9e0; text-align: left; font-variant-numeric: tabular-nums }
img { max-width: 100% }
@media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6edf3 } img { background: #fff } }
"""


def interval_text(one: Compared) -> str:
    """``+0.84 [+0.21, +1.47]``."""
    found = one.comparison
    if found.difference is None:
        return "not defined"
    text = f"{found.difference:+.2f}"
    return text if found.low is None else f"{text} [{found.low:+.2f}, {found.high:+.2f}]"


def verdict_text(one: Compared) -> str:
    """The verdict with its reason, and what stands in the way of the comparison."""
    parts = [one.verdict.words + (f" ({one.verdict.reason})" if one.verdict.reason else "")]
    if one.comparison.left_out:
        parts.append(
            f"without seeds {', '.join(map(str, one.comparison.left_out))}, which one of both has not finished"
        )
    parts += [f"left out, not trained alike: {reason}" for reason in one.unequal]
    if one.diverged:
        parts.append(f"{one.diverged} runs diverged")
    return "; ".join(parts)


def mean_text(finished: Mapping[Run, Finished], model: str, metric: str) -> str:
    """Mean and range of a metric over a model's runs."""
    values = [run.result["metrics"].get(metric) for key, run in finished.items() if key.arm.name == model]
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return ""
    return f"{sum(known) / len(known):.2f} ({min(known):.2f} to {max(known):.2f})"
