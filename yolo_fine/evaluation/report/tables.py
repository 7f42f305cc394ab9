# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page's larger tables: classes by size, confusion, manifest."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from yolo_fine.evaluation.report.metric_tables import header
from yolo_fine.evaluation.report.wording import NONE, count, points
from yolo_fine.evaluation.result import Evaluation

DENSE = 24  # from this many classes on, the confusion matrix has no room for numbers
STRONG = 0.8  # from this share on, a cell of it is so dark that its number is light


def classes_by_size(evaluation: Evaluation) -> str:
    """Every class: objects, AP, AP50, AP75, AR, AP of every size bin with its objects; sortable."""
    official = any(metrics.visdrone for metrics in evaluation.per_class.values())
    head = ["class", "objects", "AP", "AP50", "AP75", "AR", *(f"AP {size.name}" for size in evaluation.sizes)]
    head += ["VisDrone AP", "VisDrone AP50"] if official else []
    rows = []
    for name, metrics in evaluation.per_class.items():
        cells = [f'<th scope="row" data-sort="{escape(name.lower())}">{escape(name)}</th>']
        cells.append(f'<td data-sort="{metrics.objects}">{count(metrics.objects)}</td>')
        cells += [_sorted_cell(value, 100) for value in (metrics.AP, metrics.AP50, metrics.AP75, metrics.AR)]
        for size in evaluation.sizes:
            cell = metrics.sizes.get(size.name)
            cells.append(_sorted_cell(cell.AP, 100, count(cell.objects)) if cell else _sorted_cell(None, 1))
        if official:
            cells += [_sorted_cell((metrics.visdrone or {}).get(key), 1) for key in ("AP", "AP50")]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    columns = "".join(f'<th scope="col"><button>{escape(words)}</button></th>' for words in head)
    return (
        f'<div class="wide"><table class="sortable"><thead><tr>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _sorted_cell(value: float | None, scale: float, objects: str = "") -> str:
    key = "" if value is None else f"{value:.6f}"
    small = f' <small title="annotated objects">{objects}</small>' if objects else ""
    return f'<td data-sort="{key}">{points(None if value is None else scale * value)}{small}</td>'


def confusion(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """The matrix as a heat map: shares of the row, or counts; in words under the pointer."""
    detected, annotated = [*names[:-1], "not found"], [*names[:-1], "nothing annotated"]
    columns = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in detected)
    rows = []
    for index, (name, row) in enumerate(zip(annotated, matrix, strict=True)):
        cells = [_confusion_cell(names, index, other, int(number), sum(row)) for other, number in enumerate(row)]
        rows.append(f"<tr>{header(name)}{''.join(cells)}</tr>")
    return (
        f'<div class="wide"><table class="confusion{" dense" if len(names) > DENSE else ""}"><thead><tr>'
        f'<th scope="col" class="corner">annotated \\ detected</th>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _confusion_cell(names: Sequence[str], row: int, column: int, number: int, total: int) -> str:
    background = len(names) - 1
    if row == column == background:
        return '<td class="none"></td>'
    if not number:
        return "<td></td>"
    share = number / total
    if row == background:
        said = f"{count(number)} of {count(total)} detections on nothing annotated are {names[column]}"
    elif column == background:
        said = f"{count(number)} of {count(total)} annotated {names[row]} were not found"
    else:
        said = f"{count(number)} of {count(total)} annotated {names[row]} were detected as {names[column]}"
    shown = f"{100 * share:.0f}" if share >= 0.005 else "&lt;1"
    kinds = " ".join(kind for kind, is_so in (("right", row == column), ("strong", share >= STRONG)) if is_so)
    return (
        f'<td class="{kinds}" style="--share:{share:.3f}" title="{escape(f"{said} ({100 * share:.1f} %)")}">'
        f'<span class="share">{shown}</span><span class="number">{number}</span></td>'
    )


def manifest(content: Any) -> str:
    """Nested mappings as nested definition lists."""
    if isinstance(content, dict):
        items = "".join(f"<dt>{escape(str(key))}</dt><dd>{manifest(value)}</dd>" for key, value in content.items())
        return f"<dl>{items}</dl>" if items else NONE
    if isinstance(content, list | tuple):
        return ", ".join(manifest(value) for value in content) or NONE
    return NONE if content is None else escape(str(content))
