# SPDX-License-Identifier: AGPL-3.0-or-later
"""The words of a command line: ``key=value``, read as the annotations of a function ask.

Paths and other texts are taken as they are typed: ``out=2024_01_02`` is a folder of that name, not the number 20240102.
What is annotated as a number, a flag or a list is read as one.
"""

from __future__ import annotations

import ast
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.arguments import matches
from yolo_fine.utils.calls import parameters_of, public
from yolo_fine.utils.hints import did_you_mean

SPELLINGS = {"true": True, "false": False, "none": None, "null": None}


def split_words(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Split words into names and ``key=value`` pairs.

    Raises:
        ArgumentError: A word is a flag (``--imgsz``), a key is empty, or is given twice.
    """
    names: list[str] = []
    pairs: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if word.startswith("-"):
            meant = f"; did you mean {key.strip('-')}={value}?" if value and key.strip("-") else ""
            raise ArgumentError(f"'{word}': arguments are written key=value, without dashes{meant}")
        if equals and not key:
            raise ArgumentError(f"'{word}' has no key; arguments are written key=value")
        if key in pairs:
            raise ArgumentError(f"'{key}' is given twice: {key}={pairs[key]} and {word}")
        if equals:
            pairs[key] = value
        else:
            names.append(word)
    return names, pairs


def call(function: Callable[..., Any], words: Sequence[str], bare: str | None = None) -> Any:
    """Call a function with words as its arguments.

    Args:
        function: Its annotations say how values are read.
        words: ``key=value``, and words without ``=`` for the arguments of ``bare``.
        bare: Arguments that may be given without their key, in their order, with blanks between.

    Raises:
        ArgumentError: A key is unknown or missing, or a value does not fit.
    """
    names, pairs = split_words(words)
    known = parameters_of(function)
    for key in [key for key in (bare or "").split() if key not in pairs][: len(names)]:
        pairs[key] = names.pop(0)
    if names:
        near = did_you_mean(names[0], known).replace("?", "=...?")
        raise ArgumentError(
            f"'{names[0]}' is not understood{near}; arguments are written key=value: {', '.join(known)}"
        )
    checked = function if hasattr(function, "is_checked") else public(function)
    values = {
        key: read_text(text, known[key].annotation) if key in known else read_literal(text)
        for key, text in pairs.items()
    }
    return checked(**values)


def read_text(text: str, annotation: Any) -> Any:
    """The value that a text stands for where ``annotation`` is asked; an empty text is None."""
    if not text:
        return None
    if matches(text, annotation):
        return text
    if takes_path(annotation):
        return Path(text)
    return read_literal(text)


def read_literal(text: str) -> Any:
    """A number, flag, None or list where the text is one, else the text."""
    if text.lower() in SPELLINGS:
        return SPELLINGS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def takes_path(annotation: Any) -> bool:
    """Whether an annotation is :class:`~pathlib.Path`, or a union with it."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(takes_path(option) for option in typing.get_args(annotation))
    return annotation is Path
