# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO's JSON files, read some thousand entries at a time: the memory holds columns and never all entries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.formats.coco_table import Table, short
from yolo_fine.utils.hints import did_you_mean

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
                raise self.fail(f"{short(key)} is the key of an object", "")
            self.take(":", key)
            yield key
            going_on = self.take(",}", key) == ","

    def tables(self, name: str) -> Iterator[Table]:
        """The list of objects that begins here, in parts; one of no rows if it is empty."""
        if self.peek() != "[":
            raise DataError(f"{self.place}: {name} must be a list, not {short(self.value(name))}")
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
