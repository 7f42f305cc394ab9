# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bounds for layers that a YAML may ask for: shapes cost nothing on the meta device, the real layer would."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

MOST = 100_000  # channels, classes, layers inside a layer
MOST_REPEATS = 1000
MOST_VALUES = 100_000_000  # of one tensor, for one image of 256 x 256


def too_large(value: Any) -> Any | None:
    """The first number in a row's arguments that is too large, also as text; None if there is none."""
    for item in plain_values(value):
        number = item
        if isinstance(item, str):
            with contextlib.suppress(SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
                number = ast.literal_eval(item)
        for part in plain_values(number):
            if isinstance(part, (int, float)) and not -MOST <= part <= MOST:
                return item
    return None


def plain_values(value: Any) -> Iterator[Any]:
    """Every plain value inside nested lists and mappings."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set)):
        for item in value:
            yield from plain_values(item)
    else:
        yield value
