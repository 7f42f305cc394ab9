# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page's tables as HTML: headline figures, classes, confusion, whole and sliced, comparison, manifest."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from yolo_fine.evaluation.evaluation import Evaluation, Figure
from yolo_fine.evaluation.report.charts import strip
from yolo_fine.evaluation.report.wording import (
    NONE,
    confidence_text,
    count,
    interval,
    limits_text,
    percent,
    plain_figures,
    points,
)

DENSE = 24  # from this many classes on, the confusion matrix has no room for numbers


def headline(evaluation: Evaluation, protocol: str) -> str:
    """The figures of one protocol with their intervals."""
    figures: dict[str, Any] = getattr(evaluation, protocol) or {}
    scale = 100 if protocol == "coco" else 1
    class_mean = figures.get("class_mean") or {}
    names = plain_figures(figures, evaluation.sizes)
    with_interval = any(interval(evaluation, protocol, name) for name in names)
    head = ["", "official" if class_mean else "percent"]
    head += [f"{confidence_text(evaluation)} interval", ""] if with_interval else []
    head += ["class mean"] if class_mean else []
    rows = []
    for name in names:
        value = None if figures[name] is None else scale * figures[name]
        cells = [f'<th scope="row">{escape(name)}</th>', f'<td class="figure">{points(value)}</td>']
        if with_interval:
            limits = interval(evaluation, protocol, name)
            drawn = "" if value is None else strip(value, limits, 0, 100)
            cells += [f"<td>{limits_text(limits)}</td>", f'<td class="drawn">{drawn}</td>']
        if class_mean:
            cells.append(f"<td>{points(class_mean.get(name))}</td>")
        rows.append("".join(cells))
    return _table(head, rows)


def classes_by_size(evaluation: Evaluation) -> str:
    """Every class: objects, AP, AP50, AP75, AR, AP of every size bin with its objects; sortable."""
    official = any(figures.visdrone for figures in evaluation.per_class.values())
    head = ["class", "objects", "AP", "AP50", "AP75", "AR", *(f"AP {size.name}" for size in evaluation.sizes)]
    head += ["VisDrone AP", "VisDrone AP50"] if official else []
    rows = []
    for name, figures in evaluation.per_class.items():
        cells = [f'<th scope="row" data-sort="{escape(name.lower())}">{escape(name)}</th>']
        cells.append(f'<td data-sort="{figures.objects}">{count(figures.objects)}</td>')
        cells += [_sorted_cell(value, 100) for value in (figures.AP, figures.AP50, figures.AP75, figures.AR)]
        for size in evaluation.sizes:
            cell = figures.sizes.get(size.name)
            cells.append(_sorted_cell(cell.AP, 100, count(cell.objects)) if cell else _sorted_cell(None, 1))
        if official:
            cells += [_sorted_cell((figures.visdrone or {}).get(key), 1) for key in ("AP", "AP50")]
        rows.append("".join(cells))
    return _table(head, rows, "sortable")


def confusion(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """The matrix as a heat map: shares of the row, with the counts in words on each cell."""
    dense = " dense" if len(names) > DENSE else ""
    columns = "".join(
        f'<th scope="col"><span>{escape(name if index < len(names) - 1 else "not found")}</span></th>'
        for index, name in enumerate(names)
    )
    rows = []
    for index, (name, row) in enumerate(zip(names, matrix, strict=True)):
        total = sum(row)
        background = index == len(names) - 1
        label = "nothing annotated" if background else name
        cells = []
        for other, number in enumerate(row):
            if background and other == index:
                cells.append('<td class="none"></td>')
            elif not number:
                cells.append("<td></td>")
            else:
                cells.append(_confused(names, index, other, int(number), total))
        rows.append(f'<tr><th scope="row">{escape(label)}</th>{"".join(cells)}</tr>')
    return (
        f'<div class="wide"><table class="confusion{dense}"><thead><tr><th scope="col" class="corner">annotated \\ detected'
        f"</th>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _confused(names: Sequence[str], row: int, column: int, number: int, total: int) -> str:
    last = len(names) - 1
    share = number / total
    if row == last:
        said = f"{count(number)} of {count(total)} detections on nothing annotated are {names[column]}"
    elif column == last:
        said = f"{count(number)} of {count(total)} annotated {names[row]} were not found"
    else:
        said = f"{count(number)} of {count(total)} annotated {names[row]} were detected as {names[column]}"
    said = f"{said} ({100 * share:.1f} %)"
    kinds = ("right " if row == column else "") + ("strong" if share >= 0.5 else "")
    return (
        f'<td class="{kinds.strip()}" style="--share:{share:.3f}" title="{escape(said)}">'
        f'<span class="share">{100 * share:.0f}</span><span class="number">{number}</span></td>'
    )


def whole_and_sliced(whole: Figure, sliced: Figure, evaluation: Evaluation) -> str:
    """Both protocols' figures on whole pictures and in slices, and what it costs."""
    rows = []
    for name in plain_figures(sliced.coco, evaluation.sizes):
        rows.append(_pair(f"COCO {name}", (whole.coco or {}).get(name), (sliced.coco or {})[name], 100))
    wholes = {size.name: size for size in whole.sizes}
    for size in sliced.sizes:
        if size.name in wholes:
            rows.append(_pair(f"COCO AP, {size.name}", wholes[size.name].AP, size.AP, 100))
            rows.append(_pair(f"COCO AR, {size.name}", wholes[size.name].AR, size.AR, 100))
    for name in plain_figures(sliced.visdrone):
        rows.append(_pair(f"VisDrone {name}", (whole.visdrone or {}).get(name), (sliced.visdrone or {})[name], 1))
    for name in sliced.speed:
        if name in whole.speed:
            rows.append(_pair(f"{name}, ms per picture", whole.speed[name], sliced.speed[name], 1))
    return _table(["", "whole", "sliced", "difference"], rows)


def comparison(content: dict[str, Any]) -> str:
    """Paired differences with their intervals on a common scale; empty if there are none."""
    found = []
    for protocol, scale in (("coco", 100), ("visdrone", 1)):
        for name, figure in (content.get(protocol) or {}).items():
            if isinstance(figure, dict) and figure.get("difference") is not None:
                limits = (figure.get("low"), figure.get("high"))
                known = None if None in limits else tuple(scale * limit for limit in limits)
                title = f"{'COCO' if protocol == 'coco' else 'VisDrone'} {name}"
                found.append((title, scale * figure["difference"], known))
    if not found:
        return ""
    reach = max(abs(number) for _, value, limits in found for number in (value, *(limits or ()))) or 1.0
    rows = []
    for title, value, limits in found:
        beyond = limits is not None and (limits[0] > 0 or limits[1] < 0)
        verdict = "" if limits is None else "beyond noise" if beyond else "within noise"
        ends = "" if limits is None else f"{limits[0]:+.2f} to {limits[1]:+.2f}"
        rows.append(
            f'<th scope="row">{escape(title)}</th><td class="figure">{value:+.2f}</td><td>{ends}</td>'
            f'<td class="drawn">{strip(value, limits, -reach, reach)}</td><td class="words">{verdict}</td>'
        )
    return _table(["", "difference", "interval", "", ""], rows)


def manifest(content: Any) -> str:
    """Nested mappings as nested definition lists."""
    if isinstance(content, dict):
        items = "".join(f"<dt>{escape(str(key))}</dt><dd>{manifest(value)}</dd>" for key, value in content.items())
        return f"<dl>{items}</dl>" if items else NONE
    if isinstance(content, list | tuple):
        return ", ".join(manifest(value) for value in content) or NONE
    return NONE if content is None else escape(str(content))


def _pair(name: str, whole: float | None, sliced: float | None, scale: float) -> str:
    known = whole is not None and sliced is not None
    difference = f"{scale * (sliced - whole):+.2f}" if known else NONE  # type: ignore[operator]
    cells = "".join(f"<td>{points(None if value is None else scale * value)}</td>" for value in (whole, sliced))
    return f'<th scope="row">{escape(name)}</th>{cells}<td class="figure">{difference}</td>'


def _sorted_cell(value: float | None, scale: float, note: str = "") -> str:
    key = "" if value is None else f"{value:.6f}"
    small = f' <small title="annotated objects">{note}</small>' if note else ""
    return f'<td data-sort="{key}">{points(None if value is None else scale * value)}{small}</td>'


def _table(head: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    columns = "".join(
        f'<th scope="col">{f"<button>{escape(text)}</button>" if kind == "sortable" else escape(text)}</th>'
        for text in head
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>'
    )
