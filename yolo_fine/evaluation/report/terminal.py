# SPDX-License-Identifier: AGPL-3.0-or-later
"""An evaluation as plain text for a terminal, 100 columns wide at most."""

from __future__ import annotations

from collections.abc import Sequence

from yolo_fine.evaluation.report.wording import (
    NONE,
    count,
    interval,
    intervals_text,
    limits_text,
    notes_of,
    percent,
    pixels,
    plain_metrics,
    points,
    speed_text,
)
from yolo_fine.evaluation.result import DetectorMetrics, Evaluation, SizeBin

WIDTH = 100
NAME_WIDTH = 24  # longer class names are cut


def format_evaluation(evaluation: Evaluation) -> str:
    """The evaluation as text: both protocols, sizes, classes, whole beside sliced, comparison, speed.

    All metrics are percent, COCO's too (``eval.json`` holds those as fractions).
    """
    sections = [_heading(evaluation), _headline(evaluation), _sizes(evaluation), _classes(evaluation)]
    if evaluation.whole is not None:
        sections.append(_whole_and_sliced(evaluation, evaluation.whole))
    if evaluation.comparison:
        lines = [line for sentence in evaluation.comparison["words"] for line in _wrap(sentence)]
        sections.append("\n".join([f"Compared with {evaluation.comparison['with']}", *lines]))
    if speed := speed_text(evaluation.speed):
        sections.append("\n".join(["Speed", *_wrap(speed)]))
    return "\n\n".join(section for section in sections if section) + "\n"


def _heading(evaluation: Evaluation) -> str:
    data = evaluation.manifest.get("data") or {}
    model = (evaluation.manifest.get("model") or {}).get("file")
    facts = [str(model)] if model else []
    if "images" in data and "objects" in data:
        facts.append(f"{count(data['images'])} images with {count(data['objects'])} objects")
    if evaluation.manifest.get("max_det"):
        facts.append(f"up to {evaluation.manifest['max_det']} detections an image")
    notes = [line for note in notes_of(evaluation) for line in _wrap(f"Note: {note}", indent="")]
    return "\n".join([*_wrap(", ".join(facts), indent=""), *notes, "All metrics are percent."])


def _headline(evaluation: Evaluation) -> str:
    """Both protocols side by side: metric, value, interval."""
    left = [["COCO", "class mean", "interval"]] if evaluation.coco else []
    for name in plain_metrics(evaluation.coco, evaluation.sizes):
        value = (evaluation.coco or {})[name]
        left.append([name, percent(value), limits_text(interval(evaluation, "coco", name))])
    right: list[list[str]] = []
    if evaluation.visdrone:
        plain = evaluation.visdrone.get("class_mean") or {}
        right.append(["VisDrone", "official", "interval", "class mean"])
        for name in plain_metrics(evaluation.visdrone):
            limits = limits_text(interval(evaluation, "visdrone", name))
            right.append([name, points(evaluation.visdrone[name]), limits, points(plain.get(name))])
    blocks = [_table(block) for block in (left, right) if block]
    if not blocks:
        return ""
    height = max(len(block) for block in blocks)
    widths = [max(len(line) for line in block) for block in blocks]
    lines = [
        "    ".join(
            (block[i] if i < len(block) else "").ljust(width) for block, width in zip(blocks, widths, strict=True)
        )
        for i in range(height)
    ]
    notes = _wrap(intervals_text(evaluation), indent="") if intervals_text(evaluation) else []
    if right:
        official = "official: class mean weighted by the images that contain the class (image-weighted), as the "
        notes += _wrap(official + "official tool prints it; class mean: every class counts once.", indent="")
    return "\n".join([*(line.rstrip() for line in lines), *notes])


def _sizes(evaluation: Evaluation) -> str:
    if not evaluation.sizes:
        return ""
    rows = [["By size (COCO)", "side", "objects", "AP", "interval", "AP50", "AR", "interval"]]
    for size in evaluation.sizes:
        ap, ar = (limits_text(interval(evaluation, "coco", f"{kind}_{size.name}")) for kind in ("AP", "AR"))
        metrics = [percent(size.AP), ap, percent(size.AP50), percent(size.AR), ar]
        rows.append([size.name, pixels(size), count(size.objects), *metrics])
    return "\n".join(_table(rows))


def _classes(evaluation: Evaluation) -> str:
    """Class by class; AP of every size bin with its number of objects, in as many tables as fit the width."""
    if not evaluation.per_class:
        return ""
    official = any(metrics.visdrone for metrics in evaluation.per_class.values())
    header = ["By class (COCO)", "objects", "AP", "AP50", "AP75", "AR"]
    rows = [header + (["VisDrone AP", "AP50"] if official else [])]
    for name, metrics in evaluation.per_class.items():
        shares = [percent(value) for value in (metrics.AP, metrics.AP50, metrics.AP75, metrics.AR)]
        protocol = metrics.visdrone or {}
        rows.append([_short(name), count(metrics.objects), *shares])
        if official:
            rows[-1] += [points(protocol.get("AP")), points(protocol.get("AP50"))]
    tables = [_table(rows)]
    bins = [size for size in evaluation.sizes if any(size.name in f.sizes for f in evaluation.per_class.values())]
    while bins:
        tried = [_table(_class_by_size(evaluation, bins[:some])) for some in range(len(bins), 0, -1)]
        fits = next((table for table in tried if max(len(line) for line in table) <= WIDTH), tried[-1])
        tables.append(fits)
        bins = bins[len(tried) - tried.index(fits) :]
    return "\n\n".join("\n".join(table) for table in tables)


def _class_by_size(evaluation: Evaluation, bins: Sequence[SizeBin]) -> list[list[str]]:
    rows = [["AP by class and size", *(text for size in bins for text in (_short(size.name, 12), "objects"))]]
    for name, metrics in evaluation.per_class.items():
        cells: list[str] = []
        for size in bins:
            cell = metrics.sizes.get(size.name)
            cells += [percent(cell.AP), count(cell.objects)] if cell else [NONE, NONE]
        rows.append([_short(name), *cells])
    return rows


def _whole_and_sliced(sliced: Evaluation, whole: DetectorMetrics) -> str:
    rows = [["Whole and sliced", "whole", "sliced", "difference"]]
    for name in plain_metrics(sliced.coco, sliced.sizes):
        rows.append(_pair(f"COCO {name}", (whole.coco or {}).get(name), (sliced.coco or {})[name], 100))
    wholes = {size.name: size for size in whole.sizes}
    for size in sliced.sizes:
        if size.name in wholes:
            rows.append(_pair(f"COCO AP {size.name}", wholes[size.name].AP, size.AP, 100))
    for name in plain_metrics(sliced.visdrone):
        rows.append(_pair(f"VisDrone {name}", (whole.visdrone or {}).get(name), (sliced.visdrone or {})[name], 1))
    if "total" in whole.speed and "total" in sliced.speed:
        rows.append(_pair("ms per image", whole.speed["total"], sliced.speed["total"], 1))
    return "\n".join(_table(rows))


def _pair(name: str, whole: float | None, sliced: float | None, scale: float) -> list[str]:
    difference = NONE if whole is None or sliced is None else f"{scale * (sliced - whole):+.2f}"
    return [name, *(points(None if value is None else scale * value) for value in (whole, sliced)), difference]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under their headers: the first to the left, the others to the right; empty columns are left out."""
    columns = [column for column in zip(*rows, strict=True) if any(column[1:]) or len(rows) == 1]
    widths = [max(len(text) for text in column) for column in columns]
    lines = []
    for row in zip(*columns, strict=True):
        first, others = row[0].ljust(widths[0]), zip(row[1:], widths[1:], strict=True)
        lines.append("  ".join([first, *(text.rjust(width) for text, width in others)]).rstrip())
    return [lines[0], "-" * max(len(line) for line in lines), *lines[1:]]


def _short(name: str, width: int = NAME_WIDTH) -> str:
    printable = "".join(char if char.isprintable() else "?" for char in name)
    return printable if len(printable) <= width else f"{printable[: width - 1]}…"


def _wrap(text: str, indent: str = "  ") -> list[str]:
    import textwrap

    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
