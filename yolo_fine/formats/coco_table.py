# SPDX-License-Identifier: AGPL-3.0-or-later
"""A list of JSON objects as columns: every value is checked, and an error names the file, the entry and the value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.hints import did_you_mean

GREATEST_COORDINATE = 1e9  # pixels; areas stay finite
GREATEST_NUMBER = 2**31 - 1  # of categories: the engine holds them in floats, and nobody needs more


class Table:
    """A part of a list of JSON objects, read column by column.

    Args:
        place: What messages call the file.
        name: What the list is called there: ``annotations``.
        rows: Some of its entries.
        first: Index of the first of them.

    Raises:
        DataError: An entry is no object.
    """

    def __init__(self, place: str, name: str, rows: list[Any], first: int) -> None:
        self.place, self.name, self.rows, self.first = place, name, rows, first
        for i, row in enumerate(rows):
            if not isinstance(row, dict):
                raise self.error(i, f"an object in braces is expected, not {short(row)}")

    def __len__(self) -> int:
        return len(self.rows)

    def error(self, i: int, message: str) -> DataError:
        """An error about entry ``i`` of this part."""
        return DataError(f"{self.place}: {self.name}[{self.first + i}]: {message}")

    def values(self, key: str) -> list[Any]:
        """One value of each entry, as it stands.

        Raises:
            DataError: An entry lacks it.
        """
        try:
            return [row[key] for row in self.rows]
        except KeyError:
            i, row = next((i, row) for i, row in enumerate(self.rows) if key not in row)
            has = ", ".join(map(str, row)) or "nothing"
            raise self.error(i, f"no '{key}'{did_you_mean(key, row)}; it has {has}") from None

    def numbers(self, key: str, values: Sequence[Any] | None = None) -> Array:
        """One finite number of each entry, shape (entries,), float64.

        Raises:
            DataError: An entry has none.
        """
        values = self.values(key) if values is None else values
        if not set(map(type, values)) <= {int, float}:
            i = next(i for i, value in enumerate(values) if type(value) not in (int, float))
            raise self.error(i, f"'{key}' must be a number, not {short(values[i])}")
        return self._finite(key, values, values)

    def whole_numbers(self, key: str) -> Array:
        """One whole number from 0 up of each entry, shape (entries,), int64; 3.0 is 3.

        Raises:
            DataError: An entry has none.
        """
        values = self.values(key)
        if not set(map(type, values)) <= {int}:
            values = [int(value) if type(value) is float and value.is_integer() else value for value in values]
        for i, value in enumerate(values):
            if type(value) is not int or not 0 <= value <= GREATEST_NUMBER:
                raise self.error(i, f"'{key}' must be a whole number from 0 up, not {short(self.rows[i][key])}")
        return np.array(values, dtype=np.int64)

    def ids(self, key: str) -> list[int | str]:
        """One number or text of each entry, by which others refer to it; 3.0 is 3.

        Raises:
            DataError: An entry has none.
        """
        values = self.values(key)
        for i, value in enumerate(values):
            if type(value) is float and value.is_integer():
                values[i] = int(value)
            elif type(value) not in (int, str):
                raise self.error(i, f"'{key}' must be a whole number or a text, not {short(value)}")
        return values

    def texts(self, key: str) -> list[str]:
        """One text of each entry, not empty.

        Raises:
            DataError: An entry has none.
        """
        values = self.values(key)
        for i, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                raise self.error(i, f"'{key}' must be a text, not {short(value)}")
        return values

    def boxes(self, key: str = "bbox") -> Array:
        """One box of each entry: left, top, width, height; shape (entries, 4), float64.

        Raises:
            DataError: An entry has none, or a side below 0.
        """
        values = self.values(key)
        plain = set(map(type, values)) <= {list} and set(map(len, values)) <= {4}
        numbers = list(chain.from_iterable(values)) if plain else []
        if not plain or not set(map(type, numbers)) <= {int, float}:
            i = next(i for i, value in enumerate(values) if not _is_box(value))
            raise self.error(i, f"'{key}' must be four numbers [left, top, width, height], not {short(values[i])}")
        boxes = self._finite(key, numbers, values).reshape(-1, 4)
        for wrong, what in (
            (np.abs(boxes) > GREATEST_COORDINATE, "is beyond any image"),
            (boxes[:, 2:] < 0, "has a negative width or height"),
        ):
            if wrong.any():
                i = int(np.argmax(wrong.any(axis=1)))
                raise self.error(i, f"'{key}' {what}: {short(values[i])}")
        return boxes

    def _finite(self, key: str, numbers: Sequence[float], values: Sequence[Any]) -> Array:
        """Numbers as float64. ``values`` are the entries' own, for the message; each has as many numbers."""
        try:
            column = np.array(numbers, dtype=np.float64)
        except OverflowError:  # JSON knows no greatest integer
            column = np.array([number if abs(number) < 1e308 else np.inf for number in numbers], dtype=np.float64)
        wrong = np.flatnonzero(~np.isfinite(column))
        if len(wrong):
            i = int(wrong[0]) * len(values) // len(numbers)
            raise self.error(i, f"'{key}' must be finite, not {short(values[i])}")
        return column


def _is_box(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and all(type(side) in (int, float) for side in value)


def short(value: Any) -> str:
    """A value for a message; long ones are cut."""
    try:
        text = json.dumps(value)
    except ValueError:  # an integer of thousands of digits
        return "a number too long to print"
    return text if len(text) <= 60 else f"{text[:57]}..."
