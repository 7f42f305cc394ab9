# SPDX-License-Identifier: AGPL-3.0-or-later
"""Charts as inline SVG. Colours and lines are classes of style.css, so that they follow light, dark and print.

Every chart is drawn 460 units wide, which is about its width on the page, so that its text keeps its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from yolo_fine.evaluation.evaluation import ClassFigures, Evaluation, Figure, SizeBin
from yolo_fine.evaluation.report.wording import ERROR_TYPES, count, interval, percent, pixels

WIDTH = 460
COLOURS, DASHES = 8, 4  # of style.css: c0 ... c7, d0 ... d3


def pr_curves(curves: Mapping[str, Mapping[str, Sequence[float]]], names: Sequence[str]) -> str:
    """Precision over recall at IoU 0.50, a curve a class, and the mean of the classes in bold."""
    left, right, top, bottom = 44, 450, 12, 330
    parts = [_axes(left, right, top, bottom, "recall", "precision")]
    drawn = [(name, f"curve {style(index)}", index) for index, name in enumerate(names)]
    for name, kind, index in [*drawn, ("all", "curve mean", -1)]:
        curve = curves.get(name)
        line = curve_points(curve["recall"], curve["precision"]) if curve else []
        if not line:
            continue
        path = " ".join(f"{left + r * (right - left):.1f},{bottom - p * (bottom - top):.1f}" for r, p in line)
        title = "mean of the classes" if index < 0 else name
        parts.append(
            f'<g class="{kind}" data-curve="{index}"><title>{escape(title)}</title><polyline points="{path}"/></g>'
        )
    return _svg("Precision over recall at IoU 0.50, a curve for each class", bottom + 40, parts, "pr")


def curve_points(recall: Sequence[float], precision: Sequence[float]) -> list[tuple[float, float]]:
    """The points of a curve up to the highest recall that was reached, where it drops to zero."""
    reached = [(float(r), float(p)) for r, p in zip(recall, precision, strict=True) if p is not None and p > 0]
    return [*reached, (reached[-1][0], 0.0)] if reached else []


def style(index: int) -> str:
    """Classes of style.css that tell the curve of one class from the others: colour, then dashes."""
    return f"c{index % COLOURS} d{index // COLOURS % DASHES}"


def size_bars(evaluation: Evaluation) -> str:
    """AP and AR of every size bin, with intervals where there are any, and what whole pictures gave."""
    left, right, top, bottom = 44, 450, 12, 250
    ceiling = _ceiling([value for size in evaluation.sizes for value in (size.AP, size.AR)])
    parts = [_axes(left, right, top, bottom, "", "percent", ceiling, vertical_grid=False)]
    step = (right - left) / max(1, len(evaluation.sizes))
    wide = min(34.0, step * 0.34)
    whole = {size.name: size for size in evaluation.whole.sizes} if evaluation.whole else {}
    for index, size in enumerate(evaluation.sizes):
        middle = left + (index + 0.5) * step
        for kind, offset in (("AP", -wide - 1), ("AR", 1.0)):
            value = getattr(size, kind)
            if value is None:
                continue
            limits = interval(evaluation, "coco", f"{kind}_{size.name}")
            y = bottom - 100 * value / ceiling * (bottom - top)
            said = f"{kind}, {size.name}: {percent(value)} %" + (
                f" ({limits[0]:.1f} to {limits[1]:.1f})" if limits else ""
            )
            bar = f'<rect class="{kind.lower()}" x="{middle + offset:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{bottom - y:.1f}"/>'
            centre = middle + offset + wide / 2
            if limits:
                low, high = (bottom - limit / ceiling * (bottom - top) for limit in limits)
                bar += f'<path class="whisker" d="M{centre:.1f} {low:.1f}V{high:.1f}m-4 0h8M{centre - 4:.1f} {low:.1f}h8"/>'
                y = min(y, high)
            other = getattr(whole.get(size.name), kind, None)
            if other is not None:
                at = bottom - 100 * other / ceiling * (bottom - top)
                bar += f'<path class="whole" d="M{centre - wide / 2 - 3:.1f} {at:.1f}h{wide + 6:.1f}"/>'
                said += f"; whole pictures {percent(other)} %"
                y = min(y, at)
            label = f'<text class="value" x="{centre:.1f}" y="{y - 5:.1f}">{percent(value, 1)}</text>'
            parts.append(f"<g><title>{escape(said)}</title>{bar}{label}</g>")
        lines = (_short(size.name, 14), pixels(size), f"{count(size.objects)} obj.")
        for row, text in enumerate(lines):
            parts.append(
                f'<text class="tick l{row}" x="{middle:.1f}" y="{bottom + 18 + 16 * row}">{escape(text)}</text>'
            )
    return _svg("AP and AR by object size", bottom + 58, parts)


def class_bars(per_class: Mapping[str, ClassFigures]) -> str:
    """AP within AP50 of every class, best first."""
    ranked = sorted(per_class.items(), key=lambda item: -1.0 if item[1].AP is None else item[1].AP, reverse=True)
    left, right, row = 128, 410, 24
    ceiling = _ceiling([figures.AP50 for figures in per_class.values()])
    parts = []
    for index, (name, figures) in enumerate(ranked):
        y = 6 + index * row
        said = f"{name}: AP {percent(figures.AP)} %, AP50 {percent(figures.AP50)} %, {count(figures.objects)} objects"
        bars = ""
        for kind, value, inset in (("ap50", figures.AP50, 0), ("ap", figures.AP, 4)):
            if value is not None:
                width = 100 * value / ceiling * (right - left)
                bars += (
                    f'<rect class="{kind}" x="{left}" y="{y + inset}" width="{width:.1f}" height="{18 - 2 * inset}"/>'
                )
        end = left + 100 * (figures.AP50 or figures.AP or 0) / ceiling * (right - left)
        parts.append(
            f'<g><title>{escape(said)}</title><text class="name" x="{left - 8}" y="{y + 13}">{escape(_short(name, 17))}</text>'
            f'{bars}<text class="end" x="{end + 6:.1f}" y="{y + 13}">{percent(figures.AP, 1)}</text></g>'
        )
    parts.append(f'<path class="axis" d="M{left} 2V{10 + len(ranked) * row}"/>')
    return _svg("AP and AP50 of every class", 14 + len(ranked) * row, parts)


def error_bars(errors: Mapping[str, Mapping[str, float]]) -> str:
    """What AP50 would gain if all errors of a type were repaired."""
    gains, counts = errors.get("delta_ap") or {}, errors.get("counts") or {}
    known = [kind for kind in ERROR_TYPES if kind in gains] + [kind for kind in gains if kind not in ERROR_TYPES]
    left, right, row = 212, 400, 26
    ceiling = _ceiling([gains[kind] for kind in known])
    parts = []
    for index, kind in enumerate(known):
        y = 6 + index * row
        width = max(0.0, 100 * gains[kind] / ceiling * (right - left))
        number = f", {count(int(counts[kind]))} of them" if kind in counts else ""
        words = ERROR_TYPES.get(kind, kind)
        said = f"{kind} – {words}: AP50 would gain {percent(gains[kind])} points{number}"
        total = " total" if kind in ("FP", "FN") else ""
        parts.append(
            f'<g><title>{escape(said)}</title><text class="name" x="{left - 8}" y="{y + 13}">{escape(words)}</text>'
            f'<rect class="ap{total}" x="{left}" y="{y + 2}" width="{width:.1f}" height="15"/>'
            f'<text class="end" x="{left + width + 6:.1f}" y="{y + 13}">+{percent(gains[kind], 1)}</text></g>'
        )
    parts.append(f'<path class="axis" d="M{left} 2V{10 + len(known) * row}"/>')
    return _svg("What AP50 would gain without each type of error", 14 + len(known) * row, parts)


def whole_and_sliced(whole: Figure, sliced: Figure) -> str:
    """AP of every size bin, from whole pictures (ring) to slices (dot)."""
    wholes = {size.name: size for size in whole.sizes}
    pairs = [(size, wholes[size.name].AP, size.AP) for size in sliced.sizes if size.name in wholes]
    left, right, row = 128, 440, 34
    ceiling = _ceiling([value for _, *values in pairs for value in values])
    bottom = 10 + len(pairs) * row
    parts = [_scale(left, right, 4, bottom, ceiling)]
    for index, (size, before, after) in enumerate(pairs):
        y = 10 + (index + 0.5) * row
        parts.append(f'<text class="name" x="{left - 12}" y="{y + 4}">{escape(_short(size.name, 16))}</text>')
        if before is None or after is None:
            continue
        start, end = (left + 100 * value / ceiling * (right - left) for value in (before, after))
        said = f"{size.name}: AP {percent(before)} % on whole pictures, {percent(after)} % sliced"
        parts.append(
            f'<g><title>{escape(said)}</title><path class="step" d="M{start:.1f} {y}H{end:.1f}"/>'
            f'<circle class="ring" cx="{start:.1f}" cy="{y}" r="5.5"/><circle class="dot" cx="{end:.1f}" cy="{y}" r="5.5"/></g>'
        )
    return _svg("AP by object size, whole pictures and slices", bottom + 24, parts)


def strip(value: float, limits: tuple[float, float] | None, low: float, high: float) -> str:
    """A figure and its interval on a scale from ``low`` to ``high``, small enough for a table's cell."""

    def x(number: float) -> float:
        return 4 + 132 * (min(max(number, low), high) - low) / (high - low)

    zero = f'<path class="zero" d="M{x(0):.1f} 0V16"/>' if low < 0 < high else ""
    line = f'<path class="whisker" d="M{x(limits[0]):.1f} 8H{x(limits[1]):.1f}"/>' if limits else ""
    return (
        '<svg class="strip" viewBox="0 0 140 16" width="140" height="16" aria-hidden="true"><path class="rule" d="M4 8H136"/>'
        f'{zero}{line}<circle class="dot" cx="{x(value):.1f}" cy="8" r="3.5"/></svg>'
    )


def _svg(title: str, height: float, parts: Sequence[str], name: str = "") -> str:
    return (
        f'<svg class="chart {name}" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _axes(
    left: float,
    right: float,
    top: float,
    bottom: float,
    x: str,
    y: str,
    ceiling: float = 100,
    vertical_grid: bool = True,
) -> str:
    """Grid, ticks and names of the axes; y runs to ``ceiling`` percent, x from 0 to 1."""
    parts = []
    for index in range(6):
        height = bottom - index / 5 * (bottom - top)
        label = f"{index / 5:.1f}" if ceiling == 100 and vertical_grid else f"{ceiling * index / 5:g}"
        parts.append(f'<path class="grid" d="M{left} {height:.1f}H{right}"/>')
        parts.append(f'<text class="tick y" x="{left - 6}" y="{height + 4:.1f}">{label}</text>')
        if vertical_grid:
            across = left + index / 5 * (right - left)
            parts.append(f'<path class="grid" d="M{across:.1f} {top}V{bottom}"/>')
            parts.append(f'<text class="tick" x="{across:.1f}" y="{bottom + 17}">{index / 5:.1f}</text>')
    parts.append(f'<path class="axis" d="M{left} {bottom}H{right}"/>')
    if x:
        parts.append(f'<text class="label" x="{(left + right) / 2}" y="{bottom + 35}">{x}</text>')
    parts.append(f'<text class="label" transform="translate(11 {(top + bottom) / 2}) rotate(-90)">{y}</text>')
    return "".join(parts)


def _scale(left: float, right: float, top: float, bottom: float, ceiling: float) -> str:
    """Vertical grid lines from 0 to ``ceiling`` percent, with numbers below."""
    parts = []
    for index in range(6):
        x = left + index / 5 * (right - left)
        parts.append(f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 17}">{ceiling * index / 5:g}</text>')
    return "".join(parts)


def _ceiling(fractions: Sequence[float | None]) -> float:
    """The end of an axis in percent: the first of a few round numbers that holds all, with room for an interval."""
    highest = 100 * max((value for value in fractions if value is not None), default=0.0)
    return next((end for end in (1.0, 5.0, 10.0, 20.0, 30.0, 50.0, 75.0) if 1.08 * highest <= end), 100.0)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
