# SPDX-License-Identifier: AGPL-3.0-or-later
"""``docs/study.md``, made from the results of ablations in ``docs/study/``, finished or not.

    python scripts/study_page.py take=runs/ablate as=hit_uav_small    # results of an ablation into docs/study/
    python scripts/make_pages.py study                                # the page

What is taken: ``results.csv``, ``report.json``, ``pareto.png``, and of ``plan.json`` what does not depend on a machine.
``conclusion.md`` beside them, written by hand, says what follows, and ``summary.md`` above them what follows from all.
"""

from __future__ import annotations

import csv
import json
import shutil
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from yolo_fine.composer.header import HEADER
from yolo_fine.utils.files import write_json
from yolo_fine.utils.tables import Table

STUDIES = Path(__file__).resolve().parents[1] / "docs" / "study"
TAKEN = ("results.csv", "report.json", "pareto.png")
AGAIN = " again"  # the baseline with other seeds

PAGE = """# Which of it finds more small objects?

Each block is trained beside its baseline on the same images in the same order, with several seeds, and beside the two
rivals that every block has: more resolution, and a head at stride 4. A difference comes with its 95 % interval, for
new seeds **and** new images; "beyond noise" is corrected for the number of models compared (Holm). The row *again* is
the baseline with other seeds: what no difference looks like. Points of AP, 0 to 100. How: `yolo-fine ablate`, and
[evaluation.md](evaluation.md) for the metrics.

{summary}{sections}
Made by `python scripts/make_pages.py study` from the results in [study/](study).
"""
SECTION = """## {name}

{state}

{conclusion}{conditions}

### {metric}, which decides

{table}

{words}

{picture}### Other metrics

{others}
"""


def study_page(folder: Path) -> str:
    """The page from the studies that are there.

    Args:
        folder: ``docs/study``.
    """
    sections = [section(one) for one in sorted(folder.iterdir()) if (one / "report.json").is_file()]
    summary = folder / "summary.md"
    said = f"{summary.read_text(encoding='utf-8')}\n" if summary.is_file() else ""
    return PAGE.format(summary=said, sections="\n".join(sections))


def section(folder: Path) -> str:
    """One ablation."""
    plan, report = (json.loads((folder / name).read_text(encoding="utf-8")) for name in ("plan.json", "report.json"))
    with (folder / "results.csv").open(encoding="utf-8", newline="") as stream:
        runs = list(csv.DictReader(stream))
    metric = report["metric"]
    decided = [one for one in report["comparisons"] if one["metric"] == metric]
    others = [name for name in dict.fromkeys(one["metric"] for one in report["comparisons"]) if name != metric]
    has_picture, conclusion = (folder / "pareto.png").is_file(), folder / "conclusion.md"
    return SECTION.format(
        name=folder.name,
        state=state(plan, report, runs),
        conclusion=f"{conclusion.read_text(encoding='utf-8')}\n" if conclusion.is_file() else "",
        conditions=conditions(plan),
        metric=metric,
        table=table(report, runs, metric).to_markdown(),
        words="\n".join(f"* {sentence(one, metric)}" for one in decided),
        picture=f"![{metric} over cost](study/{folder.name}/pareto.png)\n\n" if has_picture else "",
        others=wide(report, others).to_markdown() if others else "None.",
    )


def state(plan: dict[str, Any], report: dict[str, Any], runs: list[dict[str, str]]) -> str:
    """How much of it is finished."""
    if report["finished"] == report["runs"]:
        return f"Finished: {report['runs']} runs, seeds {listed(plan['seeds'])}."
    seeds: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        seeds[run["model"]].append(run["seed"])
    done = "; ".join(f"`{model}`: {listed(own)}" for model, own in seeds.items())
    failed = f" Failed: {', '.join(report['failed'])}." if report["failed"] else ""
    return (
        f"**Not finished: {report['finished']} of {report['runs']} runs.** Runs go seed by seed through all models, so "
        f"that what is there is a fair comparison of few seeds. Finished seeds: {done}.{failed}"
    )


def conditions(plan: dict[str, Any]) -> str:
    """Data and training."""
    training = ", ".join(f"{key}={value}" for key, value in plan["training"].items())
    data = plan["data"] + (f" ({plan['about']})" if plan.get("about") else "")
    made = "".join(f" `{model}`: `{command}`." for model, command in plan.get("made_by", {}).items())
    versions = ", ".join(
        f"{name} {version}" for name, version in plan["versions"].items() if name in ("ultralytics", "torch")
    )
    return (
        f"Data: {data}. Training: {training}; weights {plan['weights'] or 'none'}; seeds {listed(plan['seeds'])}; "
        f"`last.pt` is judged; a difference of {plan['detect']:g} was said to be worth seeing; {versions}.{made}"
    )


def table(report: dict[str, Any], runs: list[dict[str, str]], metric: str) -> Table:
    """A row a model: the baseline first, then as the report orders them."""
    compared = {one["model"]: one for one in report["comparisons"] if one["metric"] == metric}
    rows = []
    for model in (report["baseline"], *compared):
        values = [float(run[metric]) for run in runs if run["model"] == model and run.get(metric)]
        one, cost = compared.get(model), report["costs"][model]
        rows.append(
            {
                "model": f"`{model}`",
                metric: f"{statistics.mean(values):.2f}" if values else "",
                "difference, 95 %": "baseline" if one is None else interval(one),
                "seeds": len(values) if one is None else one["seeds"],
                "could be seen": "" if one is None else seen(one),
                "verdict": "" if one is None else verdict(one),
                "parameters": f"{cost['parameters_ratio']:.2f}",
                "GFLOPs": f"{cost['gflops_ratio']:.2f}",
                "worth its cost": report["pareto"].get(model, ""),
            }
        )
    return Table(rows)


def wide(report: dict[str, Any], metrics: list[str]) -> Table:
    """Differences under the other metrics, a row a model; those beyond noise have an asterisk."""
    found = {(one["model"], one["metric"]): one for one in report["comparisons"]}
    models = dict.fromkeys(one["model"] for one in report["comparisons"])
    rows = []
    for model in models:
        row = {"model": f"`{model}`"}
        for metric in metrics:
            one = found.get((model, metric))
            star = "\\*" if one is not None and one["verdict"] == "beyond noise" else ""
            row[f"{metric} (\\* beyond noise)" if metric == metrics[0] else metric] = (
                "" if one is None else interval(one) + star
            )
        rows.append(row)
    return Table(rows)


def sentence(one: dict[str, Any], metric: str) -> str:
    """What a comparison says, in plain words."""
    model, again = f"`{one['model']}`", one["model"].endswith(AGAIN)
    if one["difference"] is None:
        return f"{model}: nothing is known yet; {one['reason'] or 'no run of it is finished'}."
    size = f"{abs(one['difference']):.2f} points of {metric}"
    way = "more" if one["difference"] > 0 else "less"
    seeds = f"{one['seeds']} seed{'s' * (one['seeds'] != 1)}"
    if one["verdict"] == "beyond noise":
        return f"{model} has {size} {way} than the baseline, beyond noise ({interval(one)}, {seeds})."
    if one["low"] is None:
        return f"{model}: {one['verdict']} ({one['reason']}), {seeds}."
    if one["seeds"] == 1:
        away = "leave 0 out" if one["low"] > 0 or one["high"] < 0 else "hold 0"
        return (
            f"{model} has {size} {way} with one seed ({interval(one)}). The limits are for other images alone and "
            f"{away}; what another seed would give is not known, so this proves nothing yet."
        )
    if again:
        return (
            f"The baseline with other seeds differs by {size} ({interval(one)}, {seeds}): this is what nothing looks "
            "like."
        )
    return (
        f"{model} shows no difference beyond noise ({interval(one)}, {seeds}): {verdict(one)}. "
        "That is not to say that there is none."
    )


def interval(one: dict[str, Any]) -> str:
    """``+0.84 [+0.21, +1.47]``."""
    if one["difference"] is None:
        return "not known"
    text = f"{one['difference']:+.2f}"
    return text if one["low"] is None else f"{text} [{one['low']:+.2f}, {one['high']:+.2f}]"


def seen(one: dict[str, Any]) -> str:
    """The difference that these runs would have shown in four of five cases."""
    return "" if one["detectable"] is None else f"{one['detectable']:.2f}"


def verdict(one: dict[str, Any]) -> str:
    """The verdict, with its reason and the seeds that only one of both has."""
    text = one["verdict"] + (f" ({one['reason']})" if one["reason"] else "")
    return text + (f"; without seeds {listed(one['left_out'])}" if one["left_out"] else "")


def listed(values: list[Any]) -> str:
    """``0, 1, 2``."""
    return ", ".join(str(value) for value in values)


def take(source: Path, name: str) -> None:
    """Copy the results of an ablation to ``docs/study/NAME``, without paths of this machine."""
    target = STUDIES / name
    target.mkdir(parents=True, exist_ok=True)
    for file in TAKEN:
        if (source / file).is_file():
            shutil.copyfile(source / file, target / file)
    plan = json.loads((source / "plan.json").read_text(encoding="utf-8"))
    plan |= {"data": name, "weights": plan["weights"] and Path(plan["weights"]).name}
    for evaluation in sorted(source.glob("*/eval.json"))[:1]:
        manifest = json.loads(evaluation.read_text(encoding="utf-8"))["manifest"]
        groups = manifest["groups"].get("effective_groups")
        plan["about"] = (
            f"{manifest['data']['images']:,} images and {manifest['data']['objects']:,} objects to evaluate on"
        )
        if groups is not None and round(groups) != manifest["data"]["images"]:
            plan["about"] += f", {groups:.0f} effective groups"
    plan["made_by"] = {arm["base"]: command for arm in plan["arms"] if (command := command_of(Path(arm["base"])))}
    write_json(target / "plan.json", plan)


def command_of(file: Path) -> str:
    """The command that made a model YAML of the working folder; nothing for one that is packaged, or made by hand."""
    if not file.is_file():
        return ""
    first = file.read_text(encoding="utf-8").split("\n", maxsplit=1)[0]
    return first.removeprefix(HEADER).strip() if first.startswith(HEADER) else ""


if __name__ == "__main__":
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    take(Path(options["take"]), options["as"])
