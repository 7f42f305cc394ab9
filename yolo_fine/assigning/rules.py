# SPDX-License-Identifier: AGPL-3.0-or-later
"""How Ultralytics enlarges small objects before it looks for anchors in them, release by release.

An anchor is a candidate for an object if its centre lies inside the object's box. Since 8.4.0, sides below a threshold
count as longer than they are (the *floor*), width and height each for itself.

=============  ==========================================  ============  ============
rule           side that counts                            P3 to P5      P2 to P5
=============  ==========================================  ============  ============
``8.3``        as it is                                    as it is      as it is
``8.4.0``      below the first stride: the second stride   <8 -> 16      <4 -> 8
``8.4.190``    below the second stride: the second stride  <16 -> 16     <8 -> 8
``floor=N``    at least N pixels                           <N -> N       <N -> N
=============  ==========================================  ============  ============
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.hints import did_you_mean

RELEASES = ("8.3", "8.4.0", "8.4.190")
LARGEST_FLOOR = 256


@dataclass(frozen=True)
class Rule:
    """A rule for one head.

    Attributes:
        name: ``8.3``, ``8.4.0``, ``8.4.190`` or ``floor=N``.
        below: Sides shorter than this, in pixels of the network's input, ...
        count_as: ... count as this.
    """

    name: str
    below: float
    count_as: float

    def enlarge(self, sides: Array) -> Array:
        """Widths and heights as they count, any shape."""
        import numpy as np

        return np.where((sides < self.below) & (sides > 0), self.count_as, sides)

    @property
    def words(self) -> str:
        """``sides below 16 px count as 16``."""
        return f"sides below {self.below:g} px count as {self.count_as:g}" if self.below else "no side is enlarged"


def make_rule(name: str, strides: Sequence[float]) -> Rule:
    """The rule of that name for a head with these strides, finest first.

    Args:
        name: ``8.3``, ``8.4.0``, ``8.4.190``, or ``floor=N`` with N in pixels.
        strides: Strides of the head's levels.

    Raises:
        ArgumentError: There is no such rule.
    """
    second = float(strides[1] if len(strides) > 1 else strides[0])
    if name == "8.3":
        return Rule(name, 0.0, 0.0)
    if name == "8.4.0":
        return Rule(name, float(strides[0]), second)
    if name == "8.4.190":
        return Rule(name, second, second)
    match = re.fullmatch(r"floor=(\d+(?:\.\d+)?)", name)
    if match and float(match[1]) <= LARGEST_FLOOR:
        return Rule(name, float(match[1]), float(match[1]))
    choices = ("stock", *RELEASES, "floor=N")
    raise ArgumentError(
        f"rule={name} is none of {', '.join(choices)}{did_you_mean(name, choices)}; N is 0 to {LARGEST_FLOOR}"
    )
