# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tables as HTML: those of :mod:`.rows`, the confusion matrix, the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from yolo_fine.evaluation.report.charts import strip
from yolo_fine.evaluation.report.rows import Interval, Number
from yolo_fine.evaluation.report.svg import ceiling
from yolo_fine.evaluation.report.wording import NONE, count
from yolo_fine.utils.tables import Table, cell_text, looks_like_number

DENSE = 24  # from this many classes on, the confusion matrix has no room for numbers
STRONG = 0.8  # from this share on, a cell of it is so dark that its number is light
MAIN = ("percent", "official", "difference", "all")  # columns that stand out

Scale = tuple[float, float]


def table_html(content: Table, scale: Scale | None = None, sortable: bool = False) -> str:
    """A table that can scroll sideways.

    Args:
        content: The table; its first column names the rows.
        scale: Ends of the scale on which intervals are drawn, in a column of their own.
        sortable: Let headings sort the rows.
    """
    first, *others = content.columns
    drawn = [key for key in others if scale and any(isinstance(row[key], Interval) for row in content.rows)]
    head = []
    for key in content.columns:
        words = f"<button>{escape(key)}</button>" if sortable else escape(key)
        head.append(f'<th scope="col">{words}</th>' + ('<td class="drawn"></td>' if key in drawn else ""))
    body = []
    for row in content.rows:
        name = str(row[first])
        key_of_name = f' data-sort="{escape(name.lower())}"' if sortable else ""
        cells = [f'<th scope="row"{key_of_name}>{escape(name)}</th>']
        for key in others:
            cells.append(_cell(row[key], key in MAIN, sortable))
            if scale and key in drawn:
                shown = strip(row[key], scale) if isinstance(row[key], Interval) else ""
                cells.append(f'<td class="drawn">{shown}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="wide"><table{kind}><thead><tr>{"".join(head)}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(cell: Any, is_main: bool, sortable: bool) -> str:
    text = escape(cell_text(cell))
    kind = ' class="main"' if is_main else "" if looks_like_number(text) else ' class="words"'
    if isinstance(cell, Number) and cell.objects is not None:
        text = f'{escape(str(Number(cell.value)))} <small title="annotated objects">{count(cell.objects)}</small>'
    value = cell.value if isinstance(cell, Number) else None
    key = f' data-sort="{"" if value is None else f"{value:.6f}"}"' if sortable else ""
    return f"<td{kind}{key}>{text}</td>"


def scale_of(tables: Sequence[Table]) -> Scale:
    """A scale that holds every interval of the tables, and zero."""
    cells = [cell for table in tables for row in table.rows for cell in row.values() if isinstance(cell, Interval)]
    numbers = [number for cell in cells for number in (cell.value, *(cell.limits or ())) if number is not None]
    if not any(cell.signed for cell in cells):
        return 0.0, ceiling([number / 100 for number in numbers])
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def confusion(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """The matrix as a heat map: shares of the row, or counts; in words under the pointer."""
    detected, annotated = [*names[:-1], "not found"], [*names[:-1], "nothing annotated"]
    columns = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in detected)
    rows = []
    for index, (name, row) in enumerate(zip(annotated, matrix, strict=True)):
        cells = [_confusion_cell(names, index, other, int(number), sum(row)) for other, number in enumerate(row)]
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>')
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
    share, of_all = number / total, f"{count(number)} of {count(total)}"
    if row == background:
        said = f"{of_all} detections on nothing annotated are {names[column]}"
    elif column == background:
        said = f"{of_all} annotated {names[row]} were not found"
    else:
        said = f"{of_all} annotated {names[row]} were detected as {names[column]}"
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
