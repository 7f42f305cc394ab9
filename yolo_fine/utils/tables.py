# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tables as data, and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows under named columns.

    Attributes:
        rows: One mapping a row. The keys of the first one are the columns; None is an empty cell.
        title: What stands above it.
        note: What stands below it.
        wraps: The column whose cells a terminal may break into lines.
    """

    rows: Sequence[Row]
    title: str = ""
    note: str = ""
    wraps: str = ""

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.rows[0]) if self.rows else []

    @property
    def cells(self) -> list[list[str]]:
        """The rows as texts."""
        return [[cell_text(row.get(column)) for column in self.columns] for row in self.rows]

    @property
    def is_number(self) -> list[bool]:
        """Whether a column holds numbers, which stand to the right."""
        return [all(looks_like_number(row[i]) for row in self.cells) for i in range(len(self.columns))]

    def to_text(self) -> str:
        """Aligned columns, two blanks between them."""
        lines = [self.columns, *self.cells]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        aligned = [
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(line, widths, self.is_number, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*([self.title] if self.title else []), *aligned, *([self.note] if self.note else [])])

    def to_markdown(self) -> str:
        """A Markdown table."""
        marks = ["---:" if number else "---" for number in self.is_number]
        return "\n".join(f"| {' | '.join(line)} |" for line in [self.columns, marks, *self.cells])

    def fitted(self, width: int, gap: int = 2) -> list[Table]:
        """The table, or several that repeat the first column where it is wider than ``width`` characters.

        Args:
            width: Most characters of a line.
            gap: Characters between two columns.
        """
        lengths = [max(map(len, column)) for column in zip(self.columns, *self.cells, strict=True)]
        lengths = [min(n, 30) if key == self.wraps else n for key, n in zip(self.columns, lengths, strict=True)]
        if sum(lengths) + gap * len(lengths) <= width or len(lengths) < 3:
            return [self]
        pieces: list[list[str]] = []
        room = 0
        for column, length in list(zip(self.columns, lengths, strict=True))[1:]:
            if not pieces or length + gap > room:
                pieces.append([])
                room = width - lengths[0] - gap
            pieces[-1].append(column)
            room -= length + gap
        shown = [[{key: row.get(key) for key in (self.columns[0], *piece)} for row in self.rows] for piece in pieces]
        last = len(shown) - 1
        return [Table(rows, self.title * (i == 0), self.note * (i == last), self.wraps) for i, rows in enumerate(shown)]

    def to_html(self) -> str:
        """An HTML table."""
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in self.cells)
        title = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def cell_text(value: Any) -> str:
    """A value in a cell: nothing for None, four significant digits for a float."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def readable(rows: Sequence[Row]) -> list[Row]:
    """Rows for people: whole numbers with commas between thousands, names of columns with blanks."""
    return [
        {
            key.replace("_", " "): f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
            for key, value in row.items()
        }
        for row in rows
    ]


def looks_like_number(text: str) -> bool:
    """Whether a cell is empty or begins like a number."""
    return not text or text.lstrip("+-^–").replace(",", "")[:1].isdigit() or text in ("-", "–")
