# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rows of VisDrone's text files: eight numbers a line, and one message that names file, line and value.

What is accepted beyond plain rows: CRLF line ends, a comma at the end (an empty ninth field, as in the distributed
files), blanks around numbers, blank lines. Anything else that is not a plain decimal number is refused, also what
Python's ``float`` would read (``nan``, ``1_0``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError

IGNORED_REGION, OTHERS = 0, 11  # categories that are no classes
COLUMNS = ("left", "top", "width", "height", "score", "category", "truncation", "occlusion")
LARGEST = 1e9  # pixels; beyond it areas lose their precision, and no image is that large

_NUMBER = re.compile(rb"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*")
_NUMBER_BYTES = b"0123456789+-.eE, \t\r\n"


@dataclass(frozen=True)
class Rows:
    """The rows of several files.

    Attributes:
        files: The files; ``image`` is the index into them.
        image: Shape (rows,), int64, ascending.
        line: Line number in the file, from 1, shape (rows,), int64.
        values: One column for each of :data:`COLUMNS`, shape (rows, 8), float64, finite.
    """

    files: Sequence[Path]
    image: np.ndarray
    line: np.ndarray
    values: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """One column, shape (rows,)."""
        return self.values[:, COLUMNS.index(name)]

    @property
    def boxes(self) -> np.ndarray:
        """Left, top, width, height, shape (rows, 4)."""
        return self.values[:, :4]

    def refuse(self, wrong: np.ndarray, name: str, rule: str) -> None:
        """Raise :class:`DataError` for the first row in which column ``name`` is ``wrong`` (shape (rows,), bool)."""
        if wrong.any():
            row = int(np.argmax(wrong))
            where = f"{self.files[self.image[row]]}, line {self.line[row]}"
            raise DataError(f"{where}: {name} is {self.column(name)[row]:.15g}; {rule}")


def read_rows(files: Sequence[Path]) -> Rows:
    """Read the files, with the checks that annotations and detections have in common.

    Raises:
        DataError: A file can't be read, a row has not eight numbers, a number is not finite, a size is negative, a
            coordinate is beyond any image, or a category is not a whole number.
    """
    lines, values = [np.zeros(0, np.int64)], [np.zeros((0, len(COLUMNS)))]
    for file in files:
        numbers, table = _parse(file)
        lines.append(numbers)
        values.append(table)
    image = np.repeat(np.arange(len(files)), [len(table) for table in values[1:]])
    rows = Rows(files, image, np.concatenate(lines), np.concatenate(values))
    for name in COLUMNS:
        rows.refuse(~np.isfinite(rows.column(name)), name, "it must be finite")
    for name in ("left", "top", "width", "height"):
        rows.refuse(np.abs(rows.column(name)) > LARGEST, name, f"it must be a number of pixels within {LARGEST:g}")
    for name in ("width", "height"):
        rows.refuse(rows.column(name) < 0, name, "it must not be negative")
    category = rows.column("category")
    rows.refuse(
        (category != np.floor(category)) | (np.abs(category) > LARGEST), "category", "it must be a whole number"
    )
    return rows


def _parse(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Line numbers, shape (rows,), and values, shape (rows, 8)."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror or error}") from error
    numbers: list[int] = []
    fields: list[bytes] = []
    for number, line in enumerate(content.splitlines(), 1):
        row = line.split(b",")
        if len(row) != len(COLUMNS):
            if not line.strip(b" \t"):
                continue
            if len(row) != len(COLUMNS) + 1 or row.pop().strip(b" \t"):
                raise DataError(
                    f"{file}, line {number}: '{shown_text(line)}' has {line.count(b',') + 1} fields; "
                    f"expected {len(COLUMNS)} numbers separated by commas: {','.join(COLUMNS)}"
                )
        numbers.append(number)
        fields += row
    values = _floats(fields, plain=not content.translate(None, _NUMBER_BYTES))
    if values is None:
        wrong = next(index for index, field in enumerate(fields) if not _NUMBER.fullmatch(field))
        at, column = divmod(wrong, len(COLUMNS))
        value = shown_text(fields[wrong])
        raise DataError(f"{file}, line {numbers[at]}: {COLUMNS[column]} is '{value}'; it must be a number")
    return np.array(numbers, dtype=np.int64), np.array(values).reshape(len(numbers), len(COLUMNS))


def _floats(fields: list[bytes], plain: bool) -> list[float] | None:
    """The numbers, or None if a field is none; in ``plain`` content, whatever ``float`` reads is a plain number."""
    if not plain and not all(_NUMBER.fullmatch(field) for field in fields):
        return None
    try:
        return list(map(float, fields))
    except ValueError:
        return None


def shown_text(content: bytes) -> str:
    """What a message shows of a file's bytes: on one line, not too much."""
    return content[:80].decode("utf-8", errors="backslashreplace").encode("unicode_escape").decode("ascii")
