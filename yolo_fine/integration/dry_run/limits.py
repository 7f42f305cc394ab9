# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bounds for layers that a YAML may ask for: shapes cost nothing on the meta device, the real layer would."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

MOST = 100_000  # channels, classes, layers inside a layer
MOST_REPEATS = 1000
MOST_STEPS = 10_000  # operations to build or to run one layer; no stock layer needs more than 1,000
MOST_VALUES = 100_000_000  # of one tensor, for one image of 256 x 256


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call,unused-ignore]
    """Ends what builds or runs a layer as soon as it goes beyond the bounds.

    Args:
        values: The most values that a tensor may have; None where only the steps count.
    """

    def __init__(self, values: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.values, self.steps = values, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``, count it, and look at the size of what it returns."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise RuntimeError(f"it needs more than {MOST_STEPS:,} steps")
        result = func(*args, **(kwargs or {}))
        if self.values and isinstance(result, torch.Tensor) and result.numel() > self.values:
            raise RuntimeError(f"it needs a tensor of {result.numel():,} values for an image of 256 x 256 pixels")
        return result


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
