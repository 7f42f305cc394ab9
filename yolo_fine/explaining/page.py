# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page of an explanation: one HTML file that holds its pictures and asks the network for nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from string import Template

from yolo_fine._version import __version__
from yolo_fine.explaining.result import PAGE, Detected, Explanation, Shown
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.files import write_text
from yolo_fine.utils.tables import Table

QUALITY = 88  # of the JPEGs in the page; the PNGs beside it lose nothing
KEY = (
    ("small", "small object"),
    ("large", "larger object"),
)
ALONE = ("alone", "the other model has no such box")


def write_page(folder: Path, result: Explanation, pictures: Mapping[str, Array]) -> None:
    """Write ``explain.html``.

    Args:
        folder: Where.
        result: What is shown.
        pictures: BGR, by the file names that the result has.
    """
    width, height = result.size
    facts = f"{width} x {height} pixels, read by the network at {result.input[1]} x {result.input[0]}"
    sections = [_detections(result, pictures), _activation(result, pictures), *_blocks(result, pictures)]
    page = _resource("template.html").substitute(
        title=escape(f"{result.labels()[0]} on {Path(result.image).name}"),
        said=escape(result.said()),
        facts=escape(facts),
        style=_resource("style.css").template,
        sections="\n".join(section for section in sections if section),
        version=escape(__version__),
    )
    write_text(folder / PAGE, page)


def _resource(name: str) -> Template:
    return Template(files("yolo_fine.explaining").joinpath(name).read_text(encoding="utf-8"))


def _detections(result: Explanation, pictures: Mapping[str, Array]) -> str:
    key = [*KEY, *([ALONE] if len(result.models) > 1 else [])]
    keys = "".join(f'<span><i style="border-color:var(--{name})"></i>{escape(words)}</span>' for name, words in key)
    figures = [
        _figure(pictures[str(one.picture)], f"<b>{escape(label)}</b> <span>{_counted(one)}</span>")
        for label, one in zip(result.labels(), result.models, strict=True)
    ]
    tables = "".join(_boxes(label, one) for label, one in zip(result.labels(), result.models, strict=True))
    return _section("Detections", f'<p class="key">{keys}</p><div class="grid two">{"".join(figures)}</div>{tables}')


def _counted(one: Detected) -> str:
    return f"{len(one.boxes)} boxes, {one.small} small" + ("" if one.alone is None else f", {one.alone} alone")


def _boxes(label: str, one: Detected) -> str:
    rows = [
        {
            "class": box["class"],
            "score": box["score"],
            "left": box["box"][0],
            "top": box["box"][1],
            "width": round(box["box"][2] - box["box"][0], 1),
            "height": round(box["box"][3] - box["box"][1], 1),
            "": ", ".join(word for word in ("small", "alone") if box.get(word)),
        }
        for box in one.boxes
    ]
    listed = Table(rows).to_html() if rows else "<p>None.</p>"
    return f'<details><summary>Boxes of {escape(label)}</summary><div class="wide">{listed}</div></details>'


def _activation(result: Explanation, pictures: Mapping[str, Array]) -> str:
    note = (
        "What stands out in each map that the detection head reads, finest map first: the first principal component "
        "of its features (Eigen-CAM). It shows where features are strong, not which class they speak for."
    )
    scale = '<div class="scale">weak<i class="inferno"></i>strong</div>'
    figures = [_figure(pictures[name], f"map {i}{scale}") for i, name in enumerate(result.activation, 1)]
    return _section("Class activation", f'<p class="note">{note}</p><div class="grid">{"".join(figures)}</div>')


def _blocks(result: Explanation, pictures: Mapping[str, Array]) -> list[str]:
    sections = []
    for (place, name, gain), group in groupby(result.blocks, key=lambda one: (one.place, one.block, one.gain)):
        figures = "".join(_figure(pictures[str(one.picture)], _caption(one), one) for one in group)
        note = ""
        if gain is not None:
            note = f'<p class="note">Its work is blended in by a learnt gain: {gain:.4f} in the mean of the channels'
            note += " (0 as if it were not there).</p>"
        sections.append(_section(f"{name}, row {place.split('.')[1]}", f'{note}<div class="grid">{figures}</div>'))
    if not sections:
        sections = [_section("Blocks", '<p class="note">The model has no blocks of this package.</p>')]
    return sections


def _caption(one: Shown) -> str:
    words = f"<b>{escape(one.view)}</b> <span>{escape(one.cells)}: {one.low:.3g} to {one.high:.3g}, "
    words += f"mean {one.mean:.3g}"
    if "points" in one.view or "kernels" in one.view:
        return f"{words}. Black: the output cell; dots: what it reads, as large as it counts.</span>"
    if "cells" not in one.cells:
        return f"{words}{'' if one.neutral is None else f'; the line, {one.neutral:g}, changes nothing'}</span>"
    if one.neutral is None:
        return f'{words}</span><div class="scale">{one.low:.3g}<i class="inferno"></i>{one.high:.3g}</div>'
    reach = max(one.high - one.neutral, one.neutral - one.low)
    ends = (one.neutral - reach, one.neutral + reach)
    return f'{words}</span><div class="scale">{ends[0]:.3g}<i class="diverging"></i>{ends[1]:.3g}</div>'


def _figure(picture: Array, caption: str, one: Shown | None = None) -> str:
    import cv2

    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    data = base64.b64encode(jpeg).decode("ascii")
    what = "detections" if one is None else f"{one.block}: {one.view}"
    return (
        f'<figure><img alt="{escape(what)}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"
