# SPDX-License-Identifier: AGPL-3.0-or-later
"""The words of a command line: ``key=value``, read as the annotations of a function ask."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.arguments import convert
from yolo_fine.utils.hints import did_you_mean


def parse_words(words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Split words into names and ``key=value`` pairs; values are read as YAML scalars.

    Raises:
        ArgumentError: A word is a flag (``--imgsz``), or a key is empty.
    """
    names: list[str] = []
    pairs: dict[str, Any] = {}
    for word in words:
        if word.startswith("-"):
            raise ArgumentError(f"'{word}': arguments are written key=value, without dashes")
        key, equals, value = word.partition("=")
        if equals and not key:
            raise ArgumentError(f"'{word}' has no key; arguments are written key=value")
        if equals:
            pairs[key] = yaml.safe_load(value) if value else None
        else:
            names.append(word)
    return names, pairs


def call(function: Callable[..., Any], words: Sequence[str]) -> Any:
    """Call a function with ``key=value`` words as its keyword arguments, checked against its annotations.

    Raises:
        ArgumentError: A key is unknown or missing, or a value does not fit.
    """
    names, pairs = parse_words(words)
    hints = inspect.get_annotations(function, eval_str=True)
    known = {key: hint for key, hint in hints.items() if key != "return"}
    if names:
        raise ArgumentError(f"'{names[0]}' is not understood; arguments are written key=value: {', '.join(known)}")
    for key, value in pairs.items():
        if key not in known:
            raise ArgumentError(f"unknown argument '{key}'{did_you_mean(key, known)}; it has {', '.join(known)}")
        kinds = (known[key], *typing.get_args(known[key]))
        if Path in kinds and value is not None:
            pairs[key] = Path(str(value))
        elif os.PathLike[str] in kinds and value is not None:
            pairs[key] = str(value)
        else:
            pairs[key] = convert(f"argument '{key}'", value, known[key])
    parameters = inspect.signature(function).parameters.values()
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in pairs]
    if missing:
        raise ArgumentError(f"{' and '.join(missing)} must be given, as {' '.join(f'{key}=...' for key in missing)}")
    return function(**pairs)
