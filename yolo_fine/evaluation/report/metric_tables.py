# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page's tables of metrics with intervals: protocols, sizes, whole and sliced, comparison."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from yolo_fine.evaluation.report.charts import strip
from yolo_fine.evaluation.report.svg import ceiling
from yolo_fine.evaluation.report.wording import (
    NONE,
    confidence_text,
    count,
    interval,
    limits_text,
    percent,
    pixels,
    plain_metrics,
    points,
)
from yolo_fine.evaluation.result import DetectorMetrics, Evaluation


def protocol_table(evaluation: Evaluation, protocol: str) -> str:
    """The metrics of one protocol with their intervals; VisDrone's with the plain class mean beside."""
    metrics: dict[str, Any] = getattr(evaluation, protocol)
    scale = 100 if protocol == "coco" else 1
    class_mean = metrics.get("class_mean") or {}
    names = plain_metrics(metrics, evaluation.sizes)
    end = _end_of_strips(evaluation)
    with_interval = any(interval(evaluation, protocol, name) for name in names)
    head: list[str | None] = ["", "official" if protocol == "visdrone" else "percent"]
    head += [f"{confidence_text(evaluation)} interval", None] if with_interval else []
    head += ["class mean"] if class_mean else []
    values = {name: None if metrics[name] is None else scale * metrics[name] for name in names}
    rows = []
    for name, value in values.items():
        cells = [header(name), f'<td class="figure">{points(value)}</td>']
        if with_interval:
            limits = interval(evaluation, protocol, name)
            drawn = "" if value is None else strip(value, limits, 0, end)
            cells.append(f'<td>{limits_text(limits)}</td><td class="drawn">{drawn}</td>')
        if class_mean:
            cells.append(f"<td>{points(class_mean.get(name))}</td>")
        rows.append("".join(cells))
    return table(head, rows)


def _end_of_strips(evaluation: Evaluation) -> float:
    """The end of the scale that both protocols share, percent."""
    values = [(evaluation.coco or {})[name] for name in plain_metrics(evaluation.coco, evaluation.sizes)]
    for name in plain_metrics(evaluation.visdrone):
        value = (evaluation.visdrone or {})[name]
        values.append(None if value is None else value / 100)
    for protocol in ("coco", "visdrone"):
        for name in plain_metrics(getattr(evaluation, protocol), evaluation.sizes):
            values += [limit / 100 for limit in interval(evaluation, protocol, name) or ()]
    return ceiling(values)


def size_table(evaluation: Evaluation) -> str:
    """Every size bin: its range, objects, AP, AP50, AR, intervals."""
    rows = []
    for size in evaluation.sizes:
        cells = [f"<td>{escape(pixels(size))}</td>", f"<td>{count(size.objects)}</td>"]
        for kind, value in (("AP", size.AP), ("AP50", size.AP50), ("AR", size.AR)):
            limits = limits_text(interval(evaluation, "coco", f"{kind}_{size.name}"))
            note = f"<small>{limits}</small>" if limits else ""
            cells.append(f'<td class="stacked">{percent(value)}{note}</td>')
        rows.append(header(size.name) + "".join(cells))
    return table(["", "side", "objects", "AP", "AP50", "AR"], rows)


def whole_and_sliced(whole: DetectorMetrics, sliced: Evaluation) -> str:
    """Both protocols' metrics on whole images and in slices, and what it costs."""
    rows = []
    for name in plain_metrics(sliced.coco, sliced.sizes):
        rows.append(_pair(f"COCO {name}", (whole.coco or {}).get(name), (sliced.coco or {})[name], 100))
    wholes = {size.name: size for size in whole.sizes}
    for size in sliced.sizes:
        if size.name in wholes:
            rows.append(_pair(f"COCO AP, {size.name}", wholes[size.name].AP, size.AP, 100))
            rows.append(_pair(f"COCO AR, {size.name}", wholes[size.name].AR, size.AR, 100))
    for name in plain_metrics(sliced.visdrone):
        rows.append(_pair(f"VisDrone {name}", (whole.visdrone or {}).get(name), (sliced.visdrone or {})[name], 1))
    for name in sliced.speed:
        rows.append(_pair(f"{name}, ms an image", whole.speed.get(name), sliced.speed[name], 1))
    return table(["", "whole", "sliced", "difference"], rows)


def comparison_table(comparison: dict[str, Any]) -> str:
    """Paired differences with their intervals on a common scale; empty if there are none."""
    found: list[tuple[str, float, tuple[float, float] | None]] = []
    for protocol, title, scale in (("coco", "COCO", 100), ("visdrone", "VisDrone", 1)):
        for name, metric in (comparison.get(protocol) or {}).items():
            low, high = metric.get("low"), metric.get("high")
            limits = None if low is None or high is None else (scale * low, scale * high)
            if metric.get("difference") is not None:
                found.append((f"{title} {name}", scale * metric["difference"], limits))
    if not found:
        return ""
    numbers = [number for _, value, limits in found for number in (value, *(limits or ()))]
    margin = 0.05 * (max(*numbers, 0) - min(*numbers, 0)) or 1.0
    start, end = min(*numbers, 0) - margin, max(*numbers, 0) + margin  # zero is always on the scale
    rows = []
    for title, value, limits in found:
        verdict, ends = "", ""
        if limits is not None:
            verdict = "beyond noise" if limits[0] > 0 or limits[1] < 0 else "within noise"
            ends = f"{limits[0]:+.2f} to {limits[1]:+.2f}"
        rows.append(
            f'{header(title)}<td class="figure">{value:+.2f}</td><td>{ends}</td>'
            f'<td class="drawn">{strip(value, limits, start, end)}</td><td class="words">{verdict}</td>'
        )
    share = comparison.get("confidence")
    return table(["", "difference", f"{100 * share:g} % interval" if share else "interval", None, ""], rows)


def table(head: Sequence[str | None], rows: Sequence[str]) -> str:
    """A table of finished rows under escaped headings (None: a column of drawings), which can scroll sideways."""
    columns = "".join(
        '<td class="drawn"></td>' if words is None else f'<th scope="col">{escape(words)}</th>' for words in head
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>'


def header(name: str) -> str:
    """The heading of a row."""
    return f'<th scope="row">{escape(name)}</th>'


def _pair(name: str, whole: float | None, sliced: float | None, scale: float) -> str:
    difference = NONE if whole is None or sliced is None else f"{scale * (sliced - whole):+.2f}"
    cells = "".join(f"<td>{points(None if value is None else scale * value)}</td>" for value in (whole, sliced))
    return f'{header(name)}{cells}<td class="figure">{difference}</td>'
