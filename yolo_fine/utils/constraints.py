# SPDX-License-Identifier: AGPL-3.0-or-later
"""Types of block arguments that say more than ``int``: which values are accepted, and which were hardly meant.

An annotation such as ``reduction: Reduction = 16`` is checked when a YAML row is read and when the class is called in
Python (see :mod:`yolo_fine.registry`). A constraint of your own is ``Annotated[int, Constraint(words, predicate)]``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Constraint:
    """Which values of a type are accepted.

    Attributes:
        accepted: The words for it in messages: "... must be a positive integer, got 0".
        holds: Whether a value, which has the annotated type, is accepted.
        doubt: Given an accepted value and the channels of the block's output, why the value was hardly meant, or None.
            ``yolo-fine lint`` and the build of a model say so.
    """

    accepted: str
    holds: Callable[[Any], bool]
    doubt: Callable[[Any, int], str | None] = lambda value, channels: None


def _is_finite(value: float) -> bool:
    return abs(value) <= sys.float_info.max


def _too_narrow(reduction: int, channels: int) -> str | None:
    left = max(1, channels // reduction)
    return f"leaves {left} of {channels} channels" if left < 2 else None


Positive = Annotated[int, Constraint("a positive integer", lambda value: value > 0)]
Reduction = Annotated[int, Constraint("a positive integer", lambda value: value > 0, _too_narrow)]
Odd = Annotated[int, Constraint("an odd number from 3", lambda value: value >= 3 and value % 2 == 1)]
OddFrom1 = Annotated[int, Constraint("an odd number from 1", lambda value: value >= 1 and value % 2 == 1)]
MultipleOf2 = Annotated[int, Constraint("an even number", lambda value: value % 2 == 0)]
MultipleOf4 = Annotated[int, Constraint("divisible by 4", lambda value: value % 4 == 0)]
MultipleOf8 = Annotated[int, Constraint("divisible by 8", lambda value: value % 8 == 0)]
Rates = Annotated[
    tuple[int, ...], Constraint("a list of positive integers", lambda rates: len(rates) > 0 and min(rates) > 0)
]
Odds = Annotated[
    tuple[int, ...],
    Constraint("a list of odd numbers from 3", lambda sides: len(sides) > 0 and all(s >= 3 and s % 2 for s in sides)),
]
Number = Annotated[float, Constraint("a number", _is_finite)]
PositiveNumber = Annotated[float, Constraint("a positive number", lambda value: value > 0 and _is_finite(value))]
Share = Annotated[float, Constraint("above 0 and up to 1", lambda value: 0 < value <= 1)]
Scale = Annotated[
    int,
    Constraint(
        "a whole number from 2", lambda value: value >= 2, lambda value, _: "is beyond 8" if value > 8 else None
    ),
]
NotNegativeInteger = Annotated[int, Constraint("0 or a positive integer", lambda value: value >= 0)]
NotNegative = Annotated[float, Constraint("0 or a positive number", lambda value: value >= 0 and _is_finite(value))]
Gain = Annotated[
    float,
    Constraint("a number", _is_finite, lambda value, _: "is above 1 (1 is the published block)" if value > 1 else None),
]
