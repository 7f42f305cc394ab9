# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finished runs to comparisons: which runs may be compared, and what their differences say."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_fine.ablation.arms import Arm
from yolo_fine.ablation.metrics import EVALUATION, read_run
from yolo_fine.ablation.plan import Plan, Run
from yolo_fine.ablation.run import FAILED, RESULT
from yolo_fine.ablation.statistics import Comparison, compare
from yolo_fine.ablation.statistics import Run as Scores
from yolo_fine.ablation.verdicts import Verdict, verdicts
from yolo_fine.errors import DataError

EQUAL = ("batch", "imgsz", "epochs")  # must be equal in two runs that are compared, and so must the data of one seed
LISTED = ("model", "seed", "batch", "imgsz", "epochs", "diverged")


@dataclass(frozen=True)
class Finished:
    """A finished run: its folder and what ``result.json`` says."""

    folder: Path
    result: dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """One comparison with the baseline, under one metric; differences in points."""

    model: str
    metric: str
    comparison: Comparison
    verdict: Verdict
    unequal: tuple[str, ...] = ()
    diverged: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        found, verdict = self.comparison, self.verdict
        return {
            "model": self.model,
            "metric": self.metric,
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "verdict": verdict.words,
            "reason": verdict.reason,
            "seeds": len(found.seeds),
            "left_out": [*found.left_out],
            "unequal": [*self.unequal],
            "diverged": self.diverged,
            "p": found.p,
            "p_holm": verdict.holm,
            "p_no_gain": found.p_no_gain,
            "detectable": verdict.detectable,
        }


def read_finished(plan: Plan, folder: Path) -> dict[Run, Finished]:
    """All finished runs of a plan, in its order."""
    found = {}
    for run in plan.runs:
        file = folder / run.name / RESULT
        if file.is_file():
            found[run] = Finished(file.parent, json.loads(file.read_text(encoding="utf-8")))
    return found


def check_seeds(finished: Mapping[Run, Finished]) -> None:
    """Raise :class:`DataError` if two seeds of one model ended with equal weights."""
    seen: dict[tuple[str, str], Run] = {}
    for run, found in finished.items():
        key = run.arm.name, found.result["weights_hash"]
        if key in seen:
            raise DataError(
                f"{run.arm.name}: seeds {seen[key].seed} and {run.seed} ended with equal weights; "
                "seeds that do not differ say nothing of chance"
            )
        seen[key] = run


def compare_all(plan: Plan, finished: Mapping[Run, Finished]) -> list[Compared]:
    """Every arm with the baseline, under every metric: the deciding one first, differences falling."""
    names = metrics_of(finished)
    ordered = [*([plan.metric] if plan.metric in names else []), *(name for name in names if name != plan.metric)]
    arms = [arm.name for arm in plan.arms if arm.name != plan.baseline]
    resized = {arm.name for arm in plan.arms if arm.imgsz is not None}
    by_arm = {arm.name: {run.pair: found for run, found in finished.items() if run.arm == arm} for arm in plan.arms}
    groups, images = groups_and_images(finished)
    result = []
    for metric in ordered:
        family, unequal = [], []
        for arm in arms:
            other_size = bool(resized & {arm, plan.baseline})
            ours, theirs, why = _comparable(by_arm[arm], by_arm[plan.baseline], other_size)
            one = compare(_runs(ours, metric), _runs(theirs, metric), groups)
            family.append(one)
            unequal.append(why)
        judged = [
            Compared(arm, metric, one, verdict, why, _diverged(by_arm[arm]))
            for arm, one, verdict, why in zip(arms, family, verdicts(family, plan.detect, images), unequal, strict=True)
        ]
        result += sorted(judged, key=lambda one: -(one.comparison.difference or 0.0))
    return result


def metrics_of(finished: Mapping[Run, Finished]) -> list[str]:
    """Names of the metrics that the runs have."""
    return list(dict.fromkeys(name for found in finished.values() for name in found.result["metrics"]))


def _comparable(
    ours: Mapping[int, Finished], theirs: Mapping[int, Finished], other_size: bool
) -> tuple[dict[int, Finished], dict[int, Finished], tuple[str, ...]]:
    """Runs without the pairs of a seed that were not trained alike, and what was not alike.

    An arm with an input size of its own (``other_size``) sees other pixels by design.
    """
    reasons = []
    for seed in sorted(ours.keys() & theirs.keys()):
        one, other = ours[seed].result, theirs[seed].result
        keys = [key for key in EQUAL if not (other_size and key == "imgsz")]
        if one["seed"] == other["seed"] and not other_size:
            keys.append("data_hash")
        differing = [key for key in keys if one[key] != other[key]]
        if differing:
            values = ", ".join(f"{key} {one[key]!s:.12} and {other[key]!s:.12}" for key in differing)
            reasons.append(f"seed {seed}: {values}")
    left_out = {int(reason.split()[1].rstrip(":")) for reason in reasons}
    kept = [{seed: run for seed, run in runs.items() if seed not in left_out} for runs in (ours, theirs)]
    return kept[0], kept[1], tuple(reasons)


def runs_of(plan: Plan, finished: Mapping[Run, Finished], arm: Arm, metric: str) -> dict[int, Scores]:
    """The finished runs of a model by seed, under one metric."""
    return _runs({run.pair: found for run, found in finished.items() if run.arm == arm}, metric)


def _runs(finished: Mapping[int, Finished], metric: str) -> dict[int, Scores]:
    return {
        seed: read_run(found.folder, metric, found.result["metrics"].get(metric))
        for seed, found in finished.items()
        if metric in found.result["metrics"]
    }


def _diverged(finished: Mapping[int, Finished]) -> int:
    return sum(bool(found.result["diverged"]) for found in finished.values())


def groups_and_images(finished: Mapping[Run, Finished]) -> tuple[float, int]:
    """Effective number of groups of images, and number of images, from the manifest of an evaluation."""
    for found in finished.values():
        manifest = json.loads((found.folder / EVALUATION).read_text(encoding="utf-8"))["manifest"]
        return float(manifest["groups"]["effective_groups"]), int(manifest["data"]["images"])
    return 0.0, 0


def results_csv(finished: Mapping[Run, Finished]) -> str:
    """``results.csv``: a row a finished run."""
    names = metrics_of(finished)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*LISTED[:2], *names, *LISTED[2:], "data_hash", "weights_hash"])
    for found in finished.values():
        row = found.result
        metrics = ["" if row["metrics"].get(name) is None else f"{row['metrics'][name]:.6f}" for name in names]
        hashes = [row["data_hash"][:16], row["weights_hash"][:16]]
        rest = [row[key] for key in LISTED[2:]]
        writer.writerow([row["model"], row["seed"], *metrics, *rest, *hashes])
    return stream.getvalue()


def failures(plan: Plan, folder: Path) -> dict[str, str]:
    """What failed runs said last, by name; those that were finished later are no failures."""
    found = {}
    for run in plan.runs:
        file = folder / run.name / FAILED
        if file.is_file() and not (folder / run.name / RESULT).is_file():
            found[run.name] = str(json.loads(file.read_text(encoding="utf-8"))["said"])
    return found


def missing(plan: Plan, finished: Mapping[Run, Finished]) -> Sequence[Run]:
    """Runs that are not finished."""
    return [run for run in plan.runs if run not in finished]
