# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the functions of this package return: a few lines on a terminal, a table in a notebook, a JSON file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from yolo_fine.utils.files import write_json

Row = Mapping[str, Any]


class Result:
    """Base of every result. A subclass says what it holds, in three forms.

    Dataclasses that inherit it are declared with ``repr=False``, so that printing one shows :meth:`summary` and not
    every value.
    """

    def to_dict(self) -> Any:
        """Everything, as plain dictionaries, lists, texts and numbers: what ``json=`` writes."""
        raise NotImplementedError

    def summary(self) -> str:
        """The result in at most ten lines of text."""
        raise NotImplementedError

    @property
    def passed(self) -> bool:
        """Whether what was checked is as it should be. A command ends with 0 if so, else with 1."""
        return True

    def text(self) -> str:
        """What a command prints."""
        return self.summary()

    def table(self) -> Sequence[Row]:
        """Rows of the main table. The keys of the first row are the columns."""
        raise NotImplementedError

    def to_json(self, file: str | os.PathLike[str]) -> None:
        """Write :meth:`to_dict` to a file, whole or not at all.

        Raises:
            ArgumentError: The file can't be written there.
        """
        write_json(Path(file), self.to_dict())

    def to_dataframe(self) -> Any:
        """The main table as a ``pandas.DataFrame``.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]

        return pd.DataFrame([dict(row) for row in self.table()])

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        """The main table, for notebooks."""
        rows = self.table()
        columns = list(rows[0]) if rows else []
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_shown(row.get(column)))}</td>" for column in columns) + "</tr>"
            for row in rows
        )
        lines = escape(self.summary()).replace("\n", "<br>")
        return f"<p>{lines}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: Any) -> str:
    """A value in a table's cell: nothing for None, four significant digits for a float."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
