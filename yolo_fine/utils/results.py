# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the functions of this package return: a few lines on a terminal, a table in a notebook, a JSON file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from yolo_fine.utils.files import write_json
from yolo_fine.utils.tables import Row, Table


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

    def table(self) -> Sequence[Row]:
        """Rows of the main table. The keys of the first row are the columns."""
        raise NotImplementedError

    @property
    def passed(self) -> bool:
        """Whether what was checked is as it should be. A command ends with 0 if so, else with 1."""
        return True

    def show(self) -> list[str | Table]:
        """What a command prints: texts and tables, in their order."""
        return [self.summary()]

    def to_text(self) -> str:
        """What a command prints, as plain text."""
        return "\n".join(part if isinstance(part, str) else part.to_text() for part in self.show())

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
        """The summary and the main table, for notebooks."""
        lines = escape(self.summary()).replace("\n", "<br>")
        return f"<p>{lines}</p>{Table(self.table()).to_html()}"
