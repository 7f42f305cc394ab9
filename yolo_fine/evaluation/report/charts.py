# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page's charts: precision over recall, sizes, classes, error types, whole images and slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from yolo_fine.evaluation.metrics import ClassMetrics, DetectorMetrics, EvaluationData, SizeBin
from yolo_fine.evaluation.report import svg
from yolo_fine.evaluation.report.rows import Interval, interval
from yolo_fine.evaluation.report.wording import ERROR_TYPES, count, percent, pixels

MANY = 12  # from more curves on, they are drawn faint, and the mean and the one under the pointer stand out
COLOURS, DASHES = 8, 4  # of style.css: c0 ... c7, d0 ... d3


def pr_curves(curves: Mapping[str, Mapping[str, Sequence[float]]], names: Sequence[str]) -> str:
    """Precision over recall at IoU 0.50, a curve a class, and the mean of the classes in bold."""
    left, right, top, bottom = 44, 450, 12, 330
    shares = ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    parts = [svg.horizontal_grid(left, right, top, bottom, shares), svg.vertical_grid(left, right, top, bottom, shares)]
    parts += [svg.text("label", (left + right) / 2, bottom + 35, "recall"), svg.upright_label(171, "precision")]
    drawn = [(name, name, style(index), index) for index, name in enumerate(names)]
    for name, title, kind, index in [*drawn, ("all", "mean of the classes", "mean", -1)]:
        points = curve_points(curves[name]["recall"], curves[name]["precision"]) if name in curves else []
        path = " ".join(f"{left + r * (right - left):.1f},{bottom - p * (bottom - top):.1f}" for r, p in points)
        drawn_line = f'<title>{escape(title)}</title><polyline points="{path}"/>'
        parts.append(f'<g class="curve {kind}" data-curve="{index}">{drawn_line}</g>')
    return svg.chart(
        "Precision over recall at IoU 0.50, a curve for each class",
        bottom + 40,
        parts,
        "pr many" if len(names) > MANY else "pr",
    )


def curve_points(recall: Sequence[float], precision: Sequence[float]) -> list[tuple[float, float]]:
    """The points of a curve up to the highest recall that was reached, where it drops to zero."""
    reached = [(float(r), float(p)) for r, p in zip(recall, precision, strict=True) if p is not None and p > 0]
    return [*reached, (reached[-1][0], 0.0)] if reached else []


def style(index: int) -> str:
    """Classes of style.css that tell the curve of one class from the others: colour, then dashes."""
    return f"c{index % COLOURS} d{index // COLOURS % DASHES}"


def size_bars(evaluation: EvaluationData) -> str:
    """AP and AR of every size bin, with intervals where there are any, and what whole images gave."""
    left, right, top, bottom = 44, 450, 12, 250
    end = _end_of_sizes(evaluation)
    parts = [svg.horizontal_grid(left, right, top, bottom, svg.ticks(end)), svg.upright_label(131, "percent")]
    step = (right - left) / len(evaluation.sizes)
    wide = min(34.0, step * 0.34)
    whole = {size.name: size for size in evaluation.whole.sizes} if evaluation.whole else {}
    for index, size in enumerate(evaluation.sizes):
        middle = left + (index + 0.5) * step
        for kind, start in (("AP", middle - wide - 1), ("AR", middle + 1)):
            value = getattr(size, kind)
            if value is None:
                continue
            limits = limits_of(evaluation, kind, size)
            other = getattr(whole.get(size.name), kind, None)
            heights = [100 * value, *(limits or ()), *([] if other is None else [100 * other])]
            y, *marks = (bottom - height / end * (bottom - top) for height in heights)
            centre = start + wide / 2
            drawn = [svg.bar(kind.lower(), start, y, wide, bottom - y)]
            if limits:
                cap = f"M{centre - 4:.1f} {{:.1f}}h8"
                drawn += [
                    svg.line(layer, f"M{centre:.1f} {marks[0]:.1f}V{marks[1]:.1f}") for layer in ("halo", "whisker")
                ]
                drawn.append(svg.line("whisker", *(cap.format(mark) for mark in marks[:2])))
            if other is not None:
                drawn.append(svg.line("whole", f"M{start - 3:.1f} {marks[-1]:.1f}h{wide + 6:.1f}"))
            drawn.append(svg.text("value", centre, min(y, *marks, y) - 5, percent(value, 1)))
            parts.append(svg.group(_size_in_words(kind, size, limits, other), *drawn))
        for row, words in enumerate((svg.shorten(size.name, 14), pixels(size), f"{count(size.objects)} obj.")):
            parts.append(svg.text(f"tick l{row}", middle, bottom + 18 + 16 * row, words))
    return svg.chart("AP and AR by object size", bottom + 58, parts)


def _end_of_sizes(evaluation: EvaluationData) -> float:
    """The end of the axis that holds every bar, interval and mark of :func:`size_bars`."""
    sizes = [*evaluation.sizes, *(evaluation.whole.sizes if evaluation.whole else [])]
    values = [value for size in sizes for value in (size.AP, size.AR)]
    for size in evaluation.sizes:
        for kind in ("AP", "AR"):
            values += [limit / 100 for limit in limits_of(evaluation, kind, size) or ()]
    return svg.ceiling(values)


def limits_of(evaluation: EvaluationData, kind: str, size: SizeBin) -> tuple[float, float] | None:
    """The interval of AP or AR of a size bin in percent; None if there is none."""
    found = interval(evaluation, "coco", f"{kind}_{size.name}")
    return found.limits if found else None


def _size_in_words(kind: str, size: SizeBin, limits: tuple[float, float] | None, whole: float | None) -> str:
    said = f"{kind}, {size.name}: {percent(getattr(size, kind))} %"
    said += f", {limits[0]:.1f} to {limits[1]:.1f}" if limits else ""
    return said if whole is None else f"{said}; whole images {percent(whole)} %"


def class_bars(per_class: Mapping[str, ClassMetrics]) -> str:
    """AP within AP50 of every class, best first."""
    ranked = sorted(per_class.items(), key=lambda item: -1.0 if item[1].AP is None else item[1].AP, reverse=True)
    left, right, row = 136, 375, 24
    end = svg.ceiling([metrics.AP50 for metrics in per_class.values()])
    parts = []
    for index, (name, metrics) in enumerate(ranked):
        y = 6 + index * row
        widths = [100 * (value or 0.0) / end * (right - left) for value in (metrics.AP50, metrics.AP)]
        said = f"{name}: AP {percent(metrics.AP)} %, AP50 {percent(metrics.AP50)} %, {count(metrics.objects)} objects"
        parts.append(
            svg.group(
                said,
                svg.text("name", left - 8, y + 13, svg.shorten(name, 15)),
                svg.bar("ap50", left, y, widths[0], 18),
                svg.bar("ap", left, y + 4, widths[1], 10),
                svg.text(
                    "end", left + max(widths) + 6, y + 13, f"{percent(metrics.AP, 1)} / {percent(metrics.AP50, 1)}"
                ),
            )
        )
    parts.append(svg.line("axis", f"M{left} 2V{10 + len(ranked) * row}"))
    return svg.chart("AP and AP50 of every class", 14 + len(ranked) * row, parts)


def error_bars(errors: Mapping[str, Mapping[str, Any]]) -> str:
    """What AP50 would gain if all errors of a type were repaired."""
    gains, counts = errors["delta_ap"], errors.get("counts") or {}
    known = [kind for kind in ERROR_TYPES if gains.get(kind) is not None]
    left, right, row = 212, 395, 26
    end = svg.ceiling(list(gains.values()))
    parts = []
    for index, kind in enumerate(known):
        y, width = 6 + index * row, 100 * gains[kind] / end * (right - left)
        number = f", {count(int(counts[kind]))} of them" if kind in counts else ""
        parts.append(
            svg.group(
                f"{kind}: {ERROR_TYPES[kind]}{number}; AP50 would gain {percent(gains[kind])} points",
                svg.text("name", left - 8, y + 13, ERROR_TYPES[kind]),
                svg.bar("ap total" if kind in ("FP", "FN") else "ap", left, y + 2, width, 15),
                svg.text("end", left + max(0.0, width) + 6, y + 13, f"{100 * gains[kind]:+.1f}"),
            )
        )
    parts.append(svg.line("axis", f"M{left} 2V{10 + len(known) * row}"))
    return svg.chart("What AP50 would gain without each type of error", 14 + len(known) * row, parts)


def whole_and_sliced(whole: DetectorMetrics, sliced: DetectorMetrics) -> str:
    """AP of every size bin, from whole images (ring) to slices (dot)."""
    wholes = {size.name: size for size in whole.sizes}
    pairs = [(size.name, wholes[size.name].AP, size.AP) for size in sliced.sizes if size.name in wholes]
    left, right, row = 96, 440, 34
    end = svg.ceiling([value for _, *values in pairs for value in values])
    bottom = 10 + len(pairs) * row
    parts = [svg.vertical_grid(left, right, 4, bottom, svg.ticks(end))]
    parts.append(svg.text("label", (left + right) / 2, bottom + 35, "AP, percent"))
    for index, (name, before, after) in enumerate(pairs):
        y = 10 + (index + 0.5) * row
        parts.append(svg.text("name", left - 12, y + 4, svg.shorten(name, 12)))
        if before is not None and after is not None:
            start, stop = (left + 100 * value / end * (right - left) for value in (before, after))
            said = f"{name}: AP {percent(before)} % on whole images, {percent(after)} % sliced"
            step = svg.line("step", f"M{start:.1f} {y}H{stop:.1f}")
            parts.append(svg.group(said, step, svg.dot("ring", start, y, 5.5), svg.dot("dot", stop, y, 5.5)))
    return svg.chart("AP by object size, whole images and slices", bottom + 40, parts)


def strip(cell: Interval, scale: tuple[float, float]) -> str:
    """A metric and its interval on a scale, small enough for a table's cell."""
    if cell.value is None:
        return ""
    low, high = scale
    inside = [min(max(number, low), high) for number in (cell.value, *(cell.limits or ()))]
    ends = [4 + 132 * (number - low) / (high - low) for number in inside]
    parts = [svg.line("rule", "M4 8H136")]
    if low < 0 < high:
        parts.append(svg.line("zero", f"M{4 - 132 * low / (high - low):.1f} 0V16"))
    if cell.limits:
        parts.append(svg.line("reach", f"M{ends[1]:.1f} 8H{ends[2]:.1f}"))
    parts.append(svg.dot("dot", ends[0], 8, 3))
    return f'<svg class="strip" viewBox="0 0 140 16" width="140" height="16" aria-hidden="true">{"".join(parts)}</svg>'
