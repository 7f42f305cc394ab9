# SPDX-License-Identifier: AGPL-3.0-or-later
"""The tables of an evaluation as data, for the terminal (:mod:`.text`) and for the page (:mod:`.html`).

Cells keep their numbers, so that the page can sort by them and draw them. All metrics are percent here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yolo_fine.evaluation.metrics import ClassMetrics, DetectorMetrics, EvaluationData
from yolo_fine.evaluation.report.wording import NONE, pixels
from yolo_fine.utils.hints import listed
from yolo_fine.utils.tables import Row, Table

PROTOCOLS = (("coco", "COCO", 100.0), ("visdrone", "VisDrone", 1.0))  # key, title, factor to percent


@dataclass(frozen=True)
class Number:
    """A number in a cell: a metric in percent, a ``signed`` difference of two, a count (without ``digits``).

    ``objects`` is of how many objects a metric is.
    """

    value: float | None
    digits: int = 2
    signed: bool = False
    objects: int | None = None

    def __str__(self) -> str:
        text = NONE if self.value is None else f"{self.value:{'+' if self.signed else ''},.{self.digits}f}"
        return text if self.objects is None else f"{text} ({self.objects:,})"


@dataclass(frozen=True)
class Interval:
    """The interval of a metric or of a ``signed`` difference, in percent; ``limits`` is None if it is not defined."""

    value: float | None
    limits: tuple[float, float] | None
    signed: bool = False

    def __str__(self) -> str:
        if self.limits is None:
            return "not defined"
        return " to ".join(f"{limit:{'+.2f' if self.signed else '.1f'}}" for limit in self.limits)


def metric(fraction: float | None, **how: Any) -> Number:
    """A fraction as a number in percent."""
    return Number(None if fraction is None else 100 * fraction, **how)


def headline(evaluation: EvaluationData) -> list[tuple[str, str, Number, Interval | None]]:
    """Every metric of the protocols that were evaluated: title of the protocol, name, value, interval."""
    found = []
    for key, title, factor in PROTOCOLS:
        for name, value in (getattr(evaluation, key) or {}).items():
            if not isinstance(value, dict):  # VisDrone's plain class mean
                number = Number(None if value is None else factor * value)
                found.append((title, name, number, interval(evaluation, key, name)))
    return found


def interval(evaluation: EvaluationData, protocol: str, name: str) -> Interval | None:
    """The interval of a metric; None where none was asked for."""
    intervals = evaluation.intervals.get(protocol) or {}
    if name not in intervals:
        return None
    factor = 100.0 if protocol == "coco" else 1.0
    value, limits = (getattr(evaluation, protocol) or {}).get(name), intervals[name]
    return Interval(None if value is None else factor * value, limits and (factor * limits[0], factor * limits[1]))


def protocol_tables(evaluation: EvaluationData) -> list[Table]:
    """The metrics of each protocol, without those by size; VisDrone's with the plain class mean beside."""
    by_size = {f"{kind}_{size.name}" for size in evaluation.sizes for kind in ("AP", "AP50", "AR")}
    class_mean = (evaluation.visdrone or {}).get("class_mean") or {}
    rows: dict[str, list[Row]] = {}
    for title, name, number, limits in headline(evaluation):
        if title == "VisDrone":
            row = {title: name, "official": number, "interval": limits, "class mean": None}
            row["class mean"] = Number(class_mean[name]) if name in class_mean else None
        elif name not in by_size:
            row = {title: name, "percent": number, "interval": limits}
        else:
            continue
        rows.setdefault(title, []).append(row)
    return [without_empty_columns(some) for some in rows.values()]


def size_table(evaluation: EvaluationData) -> Table:
    """Every size bin: its range, objects, AP, AP50, AR, intervals."""
    rows = []
    for size in evaluation.sizes:
        ap, ar = (interval(evaluation, "coco", f"{kind}_{size.name}") for kind in ("AP", "AR"))
        row = {"by size": size.name, "side": pixels(size), "objects": Number(size.objects, 0), "AP": metric(size.AP)}
        row |= {"AP interval": ap, "AP50": metric(size.AP50), "AR": metric(size.AR), "AR interval": ar}
        rows.append(row)
    return without_empty_columns(rows)


def class_table(evaluation: EvaluationData) -> Table:
    """Classes with objects: AP, AP50, AP75, AR, VisDrone's AP and AP50, AP of every size bin with its objects."""
    rows = []
    for name, metrics in classes_with_objects(evaluation).items():
        row: dict[str, Any] = {"by class": name, "objects": Number(metrics.objects, 0)}
        row |= {key: metric(getattr(metrics, key)) for key in ("AP", "AP50", "AP75", "AR")}
        for key in ("AP", "AP50"):
            row[f"VisDrone {key}"] = Number(metrics.visdrone.get(key)) if metrics.visdrone else None
        for size in evaluation.sizes:
            cell = metrics.sizes.get(size.name)
            row[f"AP {size.name}"] = metric(cell.AP, objects=cell.objects) if cell else None
        rows.append(row)
    return without_empty_columns(rows)


def classes_with_objects(evaluation: EvaluationData) -> dict[str, ClassMetrics]:
    """The classes that can have metrics."""
    return {name: metrics for name, metrics in evaluation.per_class.items() if metrics.objects}


def classes_left_out(evaluation: EvaluationData) -> str:
    """Which classes the table does not have, as a sentence; empty if it has all."""
    without = [name for name, metrics in evaluation.per_class.items() if not metrics.objects]
    if not without:
        return ""
    of = f"{len(without)} of {len(evaluation.per_class)}"
    return f"{of} classes have no objects here, and no metrics: {listed(without)}."


def whole_and_sliced(evaluation: EvaluationData) -> Table:
    """Metrics on whole images and in slices, and the paired differences with their intervals."""
    if evaluation.whole is None:
        return Table([])
    whole, sliced = _percents(evaluation.whole), _percents(evaluation)
    compared = comparison_cells(evaluation.slicing or {})
    rows = []
    for name, after in sliced.items():
        row = {"": name, **_both(whole.get(name), after)}
        found = compared.get(name, {})
        rows.append({**row, "interval": found.get("interval"), "verdict": found.get("verdict")})
    return without_empty_columns(rows)


def _both(before: float | None, after: float | None) -> dict[str, Number]:
    gain = None if before is None or after is None else after - before
    return {"whole": Number(before), "sliced": Number(after), "difference": Number(gain, signed=True)}


def _percents(metrics: DetectorMetrics) -> dict[str, float | None]:
    """Both protocols' metrics in percent."""
    found: dict[str, float | None] = {}
    for key, title, factor in PROTOCOLS:
        for name, value in (getattr(metrics, key) or {}).items():
            if not isinstance(value, dict):
                found[f"{title} {name}"] = None if value is None else factor * value
    return found


def time_table(evaluation: EvaluationData) -> Table:
    """Milliseconds an image, stage by stage; with slices those of whole images beside."""
    if evaluation.whole is None:
        return Table([{"ms an image": stage, "": Number(time)} for stage, time in evaluation.speed.items()])
    whole = evaluation.whole.speed
    return Table([{"ms an image": stage, **_both(whole.get(stage), time)} for stage, time in evaluation.speed.items()])


def comparison_table(comparison: Mapping[str, Any]) -> Table:
    """Paired differences with their intervals."""
    return Table([{"": name, **cells} for name, cells in comparison_cells(comparison).items()])


def comparison_cells(comparison: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Of each metric, by its name in tables: difference, interval, how often it is better, what that says."""
    found: dict[str, dict[str, Any]] = {}
    for key, title, factor in PROTOCOLS:
        for name, one in (comparison.get(key) or {}).items():
            value = None if one["difference"] is None else factor * one["difference"]
            limits = None if one["low"] is None else (factor * one["low"], factor * one["high"])
            better, verdict = one["probability_positive"], "beyond noise" if one["beyond_noise"] else "within noise"
            found[f"{title} {name}"] = {
                "difference": Number(value, signed=True),
                "interval": Interval(value, limits, signed=True),
                "better in": NONE if better is None else f"{better:.1%}",
                "verdict": one["reason"] or verdict,
            }
    return found


def without_empty_columns(rows: Sequence[Row]) -> Table:
    """A table of those columns that hold anything."""
    kept = [key for key in (rows[0] if rows else ()) if any(row[key] is not None for row in rows)]
    return Table([{key: row[key] for key in kept} for row in rows])
