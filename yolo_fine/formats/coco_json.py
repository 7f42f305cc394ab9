# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO's JSON files as columns: every value is checked, and an error names the file, the entry and the value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.utils.hints import did_you_mean

GREATEST_COORDINATE = 1e9  # pixels; areas stay finite
GREATEST_NUMBER = 2**31 - 1  # of categories: the engine holds them in floats, and nobody needs more


def load_json(file: Path) -> Any:
    """The content of a JSON file.

    Raises:
        MissingFileError: There is no such file.
        DataError: It can't be read, or is not JSON.
    """
    if not file.is_file():
        near = [other.name for other in file.parent.glob("*.json")] if file.parent.is_dir() else []
        raise MissingFileError(f"{file} does not exist{did_you_mean(file.name, near)}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} can't be read: {error}") from error
    if not text.strip():
        raise DataError(f"{file} is empty; a detector that found nothing writes []")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or an integer of thousands of digits
        raise DataError(f"{file} is not JSON: {error}") from error


class Table:
    """A list of JSON objects, read column by column.

    Args:
        file: The file that it comes from.
        name: What the list is called there, for messages: ``annotations``.
        rows: The list.

    Raises:
        DataError: It is not a list of objects.
    """

    def __init__(self, file: Path, name: str, rows: Any) -> None:
        if not isinstance(rows, list):
            raise DataError(f"{file}: {name} must be a list, not {_short(rows)}")
        self.file, self.name, self.rows = file, name, rows
        for i, row in enumerate(rows):
            if not isinstance(row, dict):
                raise self.error(i, f"an object in braces is expected, not {_short(row)}")

    def __len__(self) -> int:
        return len(self.rows)

    def error(self, i: int, message: str) -> DataError:
        """An error about entry ``i``."""
        return DataError(f"{self.file}: {self.name}[{i}]: {message}")

    def values(self, key: str) -> list[Any]:
        """One value of each entry, as it stands.

        Raises:
            DataError: An entry lacks it.
        """
        for i, row in enumerate(self.rows):
            if key not in row:
                raise self.error(
                    i, f"no '{key}'{did_you_mean(key, row)}; it has {', '.join(map(str, row)) or 'nothing'}"
                )
        return [row[key] for row in self.rows]

    def numbers(self, key: str, values: Sequence[Any] | None = None) -> np.ndarray:
        """One finite number of each entry, shape (entries,), float64.

        Raises:
            DataError: An entry has none.
        """
        values = self.values(key) if values is None else values
        for i, value in enumerate(values):
            if type(value) not in (int, float):
                raise self.error(i, f"'{key}' must be a number, not {_short(value)}")
        return self._finite(key, values, values)

    def whole_numbers(self, key: str) -> list[int]:
        """One whole number from 0 up of each entry; 3.0 is 3.

        Raises:
            DataError: An entry has none.
        """
        values = self.values(key)
        for i, value in enumerate(values):
            whole = type(value) is int or (type(value) is float and value.is_integer())
            if not whole or not 0 <= value <= GREATEST_NUMBER:
                raise self.error(i, f"'{key}' must be a whole number from 0 up, not {_short(value)}")
        return [int(value) for value in values]

    def texts(self, key: str) -> list[str]:
        """One text of each entry, not empty.

        Raises:
            DataError: An entry has none.
        """
        values = self.values(key)
        for i, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                raise self.error(i, f"'{key}' must be a text, not {_short(value)}")
        return values

    def boxes(self, key: str = "bbox") -> np.ndarray:
        """One box of each entry: left, top, width, height; shape (entries, 4), float64.

        Raises:
            DataError: An entry has none, or a side below 0.
        """
        values = self.values(key)
        for i, value in enumerate(values):
            if type(value) is not list or len(value) != 4 or any(type(side) not in (int, float) for side in value):
                raise self.error(i, f"'{key}' must be four numbers [left, top, width, height], not {_short(value)}")
        boxes = self._finite(key, list(chain.from_iterable(values)), values).reshape(-1, 4)
        beyond = np.flatnonzero((np.abs(boxes) > GREATEST_COORDINATE).any(axis=1))
        if len(beyond):
            i = int(beyond[0])
            raise self.error(i, f"'{key}' is beyond any image: {_short(values[i])}")
        negative = np.flatnonzero((boxes[:, 2:] < 0).any(axis=1))
        if len(negative):
            i = int(negative[0])
            raise self.error(i, f"'{key}' has a negative width or height: {_short(values[i])}")
        return boxes

    def _finite(self, key: str, numbers: Sequence[float], values: Sequence[Any]) -> np.ndarray:
        """Numbers as float64. ``values`` are the entries' own, for the message; each has as many numbers."""
        try:
            column = np.array(numbers, dtype=np.float64)
        except OverflowError:  # JSON knows no greatest integer
            column = np.array([number if abs(number) < 1e308 else np.inf for number in numbers], dtype=np.float64)
        wrong = np.flatnonzero(~np.isfinite(column))
        if len(wrong):
            i = int(wrong[0]) * len(values) // len(numbers)
            raise self.error(i, f"'{key}' must be finite, not {_short(values[i])}")
        return column


def _short(value: Any) -> str:
    """A value for a message; long ones are cut."""
    try:
        text = json.dumps(value)
    except ValueError:  # an integer of thousands of digits
        return "a number too long to print"
    return text if len(text) <= 60 else f"{text[:57]}..."
