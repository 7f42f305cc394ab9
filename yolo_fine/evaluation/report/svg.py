# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the charts are made of: SVG elements whose colours are classes of style.css, axes and grids."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 460  # of every chart: about its width on the page, so that its text keeps its size


def chart(title: str, height: float, parts: Sequence[str], name: str = "") -> str:
    """The chart itself, named for a reader who doesn't see it."""
    size = f'viewBox="0 0 {WIDTH} {height:g}"'
    return f'<svg class="chart {name}" {size} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def group(title: str, *parts: str) -> str:
    """Elements with a title that is shown under the pointer."""
    return f"<g><title>{escape(title)}</title>{''.join(parts)}</g>"


def text(kind: str, x: float, y: float, content: str) -> str:
    """Text at a point; style.css anchors it."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(content)}</text>'


def bar(kind: str, x: float, y: float, width: float, height: float) -> str:
    """A filled rectangle."""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}"/>'
    )


def line(kind: str, *commands: str) -> str:
    """A path of SVG commands."""
    return f'<path class="{kind}" d="{"".join(commands)}"/>'


def dot(kind: str, x: float, y: float, radius: float) -> str:
    """A circle."""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'


def horizontal_grid(left: float, right: float, top: float, bottom: float, ticks: Sequence[str]) -> str:
    """Lines from left to right with their numbers, from the bottom up, and the axis at the bottom."""
    parts = []
    for index, number in enumerate(ticks):
        y = bottom - index / (len(ticks) - 1) * (bottom - top)
        parts += [line("grid", f"M{left} {y:.1f}H{right}"), text("tick y", left - 6, y + 4, number)]
    return "".join([*parts, line("axis", f"M{left} {bottom}H{right}")])


def vertical_grid(left: float, right: float, top: float, bottom: float, ticks: Sequence[str]) -> str:
    """Lines from top to bottom with their numbers below, from left to right."""
    parts = []
    for index, number in enumerate(ticks):
        x = left + index / (len(ticks) - 1) * (right - left)
        parts += [line("grid", f"M{x:.1f} {top}V{bottom}"), text("tick", x, bottom + 17, number)]
    return "".join(parts)


def upright_label(y: float, content: str) -> str:
    """The name of the vertical axis."""
    return f'<text class="label" transform="translate(11 {y:.1f}) rotate(-90)">{escape(content)}</text>'


def ticks(end: float) -> list[str]:
    """Six numbers from 0 to ``end``."""
    return [f"{end * index / 5:g}" for index in range(6)]


def ceiling(fractions: Sequence[float | None]) -> float:
    """The end of an axis in percent: the first of a few round numbers that holds all fractions, with some room."""
    highest = 100 * max((value for value in fractions if value is not None), default=0.0)
    return next((end for end in (1.0, 5.0, 10.0, 20.0, 30.0, 50.0, 75.0) if 1.08 * highest <= end), 100.0)


def shorten(content: str, length: int) -> str:
    """Text of ``length`` characters at most."""
    return content if len(content) <= length else f"{content[: length - 1]}…"
