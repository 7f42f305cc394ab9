# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO's JSON files as columns: every value is checked, and an error names the file, the entry and the value.

Lists are read some thousand entries at a time, so that the memory holds columns and never all entries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.hints import did_you_mean

GREATEST_COORDINATE = 1e9  # pixels; areas stay finite
GREATEST_NUMBER = 2**31 - 1  # of categories: the engine holds them in floats, and nobody needs more
TEXT, ENTRIES = 1_000_000, 4096  # characters, and at least so many entries, that are read at a time

_BLANKS = re.compile(r"[ \t\r\n]*")
_BETWEEN_OBJECTS = re.compile(r"\}[ \t\r\n]*,[ \t\r\n]*\{")
_DECODER = json.JSONDecoder()
T = TypeVar("T")


def read_file(file: Path) -> bytes:
    """The content of a file.

    Raises:
        MissingFileError: There is no such file.
        DataError: It can't be read.
    """
    if not file.is_file():
        near = [other.name for other in file.parent.glob("*.json")] if file.parent.is_dir() else []
        raise MissingFileError(f"{file} does not exist{did_you_mean(file.name, near)}")
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} can't be read: {error}") from error


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
                raise self.error(i, f"an object in braces is expected, not {_short(row)}")

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
            raise self.error(i, f"'{key}' must be a number, not {_short(values[i])}")
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
                raise self.error(i, f"'{key}' must be a whole number from 0 up, not {_short(self.rows[i][key])}")
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
                raise self.error(i, f"'{key}' must be a whole number or a text, not {_short(value)}")
        return values

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
            raise self.error(i, f"'{key}' must be four numbers [left, top, width, height], not {_short(values[i])}")
        boxes = self._finite(key, numbers, values).reshape(-1, 4)
        for wrong, what in (
            (np.abs(boxes) > GREATEST_COORDINATE, "is beyond any image"),
            (boxes[:, 2:] < 0, "has a negative width or height"),
        ):
            if wrong.any():
                i = int(np.argmax(wrong.any(axis=1)))
                raise self.error(i, f"'{key}' {what}: {_short(values[i])}")
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
            raise self.error(i, f"'{key}' must be finite, not {_short(values[i])}")
        return column


def read_list(content: bytes, place: str, name: str, read: Callable[[Table], T]) -> list[T]:
    """Read a file that is one list.

    Args:
        content: The file.
        place: What messages call it.
        name: What they call the list.
        read: Called with each part of the list; takes its columns.

    Returns:
        What ``read`` returned.

    Raises:
        DataError: The file is no JSON, or no list.
    """
    scanner = _Scanner(content, place)
    scanner.expect("[", f"{name} are a list, which is [] if nothing was found")
    found = [read(table) for table in scanner.tables(name)]
    scanner.take("")
    return found


def read_lists(content: bytes, place: str, read: Mapping[str, Callable[[Table], Any]]) -> dict[str, list[Any]]:
    """Read a file that is an object with several lists; other keys are passed over.

    Args:
        content: The file.
        place: What messages call it.
        read: List -> what is called with each part of it.

    Returns:
        List -> what the function returned. Lists that the file doesn't have are missing.

    Raises:
        DataError: The file is no JSON or no object, or one of the lists is none.
    """
    scanner = _Scanner(content, place)
    scanner.expect("{", f"annotations are an object with the lists {', '.join(read)}")
    found: dict[str, list[Any]] = {}
    for key in scanner.members():
        if key in read:
            found[key] = [read[key](table) for table in scanner.tables(key)]
        else:
            scanner.value(key)
            found[key] = []
    scanner.take("")
    return found


class _Scanner:
    """Goes through a JSON text from value to value.

    Raises:
        DataError: It is no JSON.
    """

    def __init__(self, content: bytes, place: str) -> None:
        self.place, self.at = place, 0
        try:
            self.text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{place} can't be read: {error}") from error
        if not self.peek():
            raise DataError(f"{place} is empty; a detector that found nothing writes []")

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        self.at = _BLANKS.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches nothing too
        return self.text[self.at : self.at + 1]

    def expect(self, kind: str, expected: str) -> None:
        """Check that the file begins with a value of this kind, unless it is no JSON at all."""
        found = self.peek()
        if found != kind:
            self.value("the file")
            self.take("")
            what = {"[": "a list, as of results", "{": "one object"}.get(found, "no list and no object")
            raise DataError(f"{self.place} holds {what}; {expected}")

    def fail(self, what: object, where: str) -> DataError:
        """The error about what stands here."""
        line = self.text.count("\n", 0, self.at) + 1
        return DataError(f"{self.place} is not JSON: line {line}{where and ', ' + where}: {what}")

    def value(self, where: str) -> Any:
        """The next value. ``where`` names it in messages."""
        self.peek()
        try:
            value, self.at = _DECODER.raw_decode(self.text, self.at)
        except (ValueError, RecursionError) as error:  # ValueError: no JSON, or an integer of thousands of digits
            raise self.fail(error, where) from error
        return value

    def take(self, expected: str, where: str = "") -> str:
        """The next character, which must be among ``expected``; if there are none, the end of the text."""
        found = self.peek()
        if (found not in expected) if found else expected:
            wanted = " or ".join(expected) or "nothing more"
            raise self.fail(f"{wanted} expected, and there is {found or 'its end'}", where)
        self.at += len(found)
        return found

    def members(self) -> Iterator[str]:
        """Keys of the object that begins here; after each, its value has to be read."""
        self.at += 1
        if self.peek() == "}":
            self.at += 1
            return
        going_on = True
        while going_on:
            key = self.value("a key")
            if not isinstance(key, str):
                raise self.fail(f"{_short(key)} is the key of an object", "")
            self.take(":", key)
            yield key
            going_on = self.take(",}", key) == ","

    def tables(self, name: str) -> Iterator[Table]:
        """The list of objects that begins here, in parts; one of no rows if it is empty."""
        if self.peek() != "[":
            raise DataError(f"{self.place}: {name} must be a list, not {_short(self.value(name))}")
        self.at += 1
        first, rows = 0, self._many()
        going_on = self.peek() != "]"
        self.at += not going_on
        while going_on:
            rows.append(self.value(f"{name}[{first + len(rows)}]"))
            going_on = self.take(",]", f"{name}[{first + len(rows) - 1}]") == ","
            if len(rows) >= ENTRIES and going_on:
                yield Table(self.place, name, rows, first)
                first, rows = first + len(rows), self._many()
        yield Table(self.place, name, rows, first)

    def _many(self) -> list[Any]:
        """The next entries of a list of objects up to a comma, in one go; none if their ends are not clear.

        What stands before a comma between braces is read as a list. If it is one, the comma was one of this list.
        """
        between = _BETWEEN_OBJECTS.search(self.text, self.at + TEXT)
        if between is None:
            return []
        try:
            rows: list[Any] = json.loads(f"[{self.text[self.at : between.start() + 1]}]")
        except (ValueError, RecursionError):
            return []
        self.at = between.end() - 1
        return rows


def _is_box(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and all(type(side) in (int, float) for side in value)


def _short(value: Any) -> str:
    """A value for a message; long ones are cut."""
    try:
        text = json.dumps(value)
    except ValueError:  # an integer of thousands of digits
        return "a number too long to print"
    return text if len(text) <= 60 else f"{text[:57]}..."
