# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rows of VisDrone's text files: eight numbers a line, and one message that names file, line and value.

What is accepted beyond plain rows: a byte-order mark, line ends of any kind, a comma at the end (an empty ninth field,
as in the distributed files), blanks around numbers, blank lines. Anything else that is not a plain decimal number is
refused, also what Python's ``float`` would read (``nan``, ``1_0``).
"""

from __future__ import annotations

import codecs
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.plain_numbers import read_table
from yolo_fine.utils.arrays import Array

NAMES = (
    *("ignored", "pedestrian", "people", "bicycle", "car", "van"),
    *("truck", "tricycle", "awning-tricycle", "bus", "motor", "others"),
)
IGNORED_REGION, OTHERS = 0, 11  # categories that are no classes
COLUMNS = ("left", "top", "width", "height", "score", "category", "truncation", "occlusion")
LARGEST = 1e9  # pixels; beyond it areas lose their precision, and no image is that large

_NUMBER = re.compile(rb"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*")
BATCH = 2**18  # bytes that are read at a time


@dataclass(frozen=True)
class Rows:
    """The rows of several files.

    Attributes:
        places: What messages call the files; ``image`` is the index into them.
        image: Shape (rows,), int64, ascending.
        line: Line number in the file, from 1, shape (rows,), int64.
        values: One column for each of :data:`COLUMNS`, shape (rows, 8), float64, finite.
    """

    places: Sequence[Path | str]
    image: Array
    line: Array
    values: Array

    def column(self, name: str) -> Array:
        """One column, shape (rows,)."""
        column: Array = self.values[:, COLUMNS.index(name)]
        return column

    @property
    def boxes(self) -> Array:
        """Left, top, width, height, shape (rows, 4)."""
        boxes: Array = self.values[:, :4].copy()  # so that the other columns can be freed
        return boxes

    @property
    def category(self) -> Array:
        """Category, shape (rows,), int64."""
        return self.column("category").astype(np.int64)

    def refuse(self, wrong: Array, name: str, rule: str) -> None:
        """Raise :class:`DataError` for the first row in which column ``name`` is ``wrong`` (shape (rows,), bool)."""
        if wrong.any():
            row = int(np.argmax(wrong))
            where = f"{self.places[self.image[row]]}, line {self.line[row]}"
            raise DataError(f"{where}: {name} is {self.column(name)[row]:.15g}; {rule}")


def read_files(files: Iterable[Path]) -> Iterable[bytes]:
    """The contents of files, one after the other.

    Raises:
        DataError: One can't be read.
    """
    for file in files:
        try:
            yield file.read_bytes()
        except OSError as error:
            raise DataError(f"{file} can't be read: {error.strerror or error}") from error


def parse_rows(contents: Iterable[bytes], places: Sequence[Path | str]) -> Rows:
    """Read rows, with the checks that annotations and detections have in common.

    Args:
        contents: The content of each file.
        places: What messages call each file.

    Raises:
        DataError: A row has not eight numbers, a number is not finite, a size is negative, a coordinate is beyond any
            image, or a category is not a whole number.
    """
    tables, lines, counts = [np.zeros((0, len(COLUMNS)))], [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for first, batch in _batches(contents):
        table, numbers, rows_of = _parse_plain(batch) or _parse_by_line(batch, places[first:])
        tables.append(table)
        lines.append(numbers)
        counts.append(rows_of)
    image = np.repeat(np.arange(len(places), dtype=np.int64), np.concatenate(counts))
    rows = Rows(places, image, np.concatenate(lines), np.concatenate(tables))
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


def parse_annotations(contents: Iterable[bytes], places: Sequence[Path | str]) -> Rows:
    """Read rows of annotations: :func:`parse_rows`, and what the official protocol gives no meaning to is refused.

    Raises:
        DataError: As there; or a category is not 0 to 11, a class has a score other than 0 and 1, or an ignored region
            has no whole numbers.
    """
    rows = parse_rows(contents, places)
    category, score = rows.column("category"), rows.column("score")
    rows.refuse((category < IGNORED_REGION) | (category > OTHERS), "category", "VisDrone has the categories 0 to 11")
    wrong = is_evaluated(category) & (score != 0) & (score != 1)
    rows.refuse(wrong, "score", "an annotation has 1, or 0 for one that is ignored")
    for name in ("left", "top", "width", "height"):
        value = rows.column(name)
        broken = (category == IGNORED_REGION) & (value != np.floor(value))
        rows.refuse(broken, name, "an ignored region has whole numbers")
    return rows


def is_evaluated(category: Array) -> Array:
    """Which categories are classes."""
    classes: Array = (category != IGNORED_REGION) & (category != OTHERS)
    return classes


def row_text(rows: Iterable[Sequence[float]]) -> str:
    """Rows as the text of a file; numbers are written so that reading gives them back exactly."""
    return "".join(f"{','.join(map(str, row))}\n" for row in rows)


def _batches(contents: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Contents of some hundred files, without byte-order marks, and the index of the first."""
    first, batch, size = 0, [], 0
    for content in contents:
        batch.append(content.removeprefix(codecs.BOM_UTF8))
        size += len(content)
        if size > BATCH:
            yield first, batch
            first, batch, size = first + len(batch), [], 0
    yield first, batch


def _parse_plain(batch: Sequence[bytes]) -> tuple[Array, Array, Array] | None:
    """The values of files that have nothing unusual, the line numbers, and the rows of each file; else None."""
    texts = [(content.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n").replace(b",\n", b"\n") for content in batch]
    counts = np.array([text.count(b"\n") * (text != b"\n") for text in texts], dtype=np.int64)
    table = read_table(b"".join(text for text in texts if text != b"\n"), len(COLUMNS))
    if table is None:
        return None
    return table, np.arange(1, len(table) + 1) - np.repeat(np.cumsum(counts) - counts, counts), counts


def _parse_by_line(batch: Sequence[bytes], places: Sequence[Path | str]) -> tuple[Array, Array, Array]:
    """The same of any files.

    Raises:
        DataError: A line is no row.
    """
    numbers = array("d")
    lines: list[int] = []
    counts: list[int] = []
    for content, place in zip(batch, places, strict=False):
        before = len(lines)
        for number, line in enumerate(content.splitlines(), 1):
            if not line.strip(b" \t"):
                continue
            fields = line.split(b",")
            if len(fields) == len(COLUMNS) + 1 and not fields[-1].strip(b" \t"):
                fields.pop()
            if len(fields) != len(COLUMNS):
                raise DataError(
                    f"{place}, line {number}: '{shown_text(line)}' has {len(fields)} fields; expected {len(COLUMNS)} "
                    f"numbers separated by commas: {','.join(COLUMNS)}{_what_it_looks_like(line)}"
                )
            for name, field in zip(COLUMNS, fields, strict=True):
                if not _NUMBER.fullmatch(field):
                    raise DataError(f"{place}, line {number}: {name} is '{shown_text(field)}'; it must be a number")
            lines.append(number)
            numbers.extend(map(float, fields))
        counts.append(len(lines) - before)
    table = np.frombuffer(numbers, dtype=np.float64).reshape(-1, len(COLUMNS))
    return table, np.array(lines, dtype=np.int64), np.array(counts, dtype=np.int64)


def _what_it_looks_like(line: bytes) -> str:
    """What to do about a file of another format, in words; empty for a line of none."""
    words = line.split()
    if len(words) not in (5, 6) or not all(_NUMBER.fullmatch(word) for word in words):
        return ""
    if len(words) == 5:
        return ". These are YOLO labels: name their dataset with data=FILE.yaml"
    return (
        ". These are boxes that Ultralytics' save_txt=True writes, as shares of the image: let it write them with "
        "`yolo val ... save_json=True`, and give detections=.../predictions.json"
    )


def shown_text(content: bytes) -> str:
    """What a message shows of a file's bytes: on one line, not too much."""
    return content[:80].decode("utf-8", errors="backslashreplace").encode("unicode_escape").decode("ascii")
