# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tables as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table. The keys of the first row are the columns; None is an empty cell."""
    columns = list(rows[0]) if rows else []
    lines = [columns, ["---"] * len(columns)]
    lines += [["" if row.get(column) is None else str(row[column]) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
