# SPDX-License-Identifier: AGPL-3.0-or-later
"""The key ``assign:`` of a model YAML: how training assigns objects to anchors, where it differs from stock.

====================  =======  ========================================================================================
key                   default  meaning
====================  =======  ========================================================================================
``floor``             stock    sides below it count as that many pixels when candidates are sought; 0 = none
``nwd``               0.0      share of NWD in the overlap that the assigner ranks and labels by
``nwd_c``             12.8     NWD's constant C, in pixels of the network's input
``nwd_below``         32       NWD fades out towards objects of this size in pixels; 0 = the same share for all
``box_nwd``           0.0      share of 1 - NWD in the box loss, with the same constant and gate
``eps``               stock    the small number in the normalisation of soft labels (stock: 1e-9)
====================  =======  ========================================================================================

It stands in the YAML because that is what a checkpoint keeps: fine-tuning and resuming follow it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from yolo_fine.errors import ModelYamlError
from yolo_fine.utils.hints import did_you_mean

Stock = Literal["stock"]


@dataclass(frozen=True)
class AssignSettings:
    """The settings, with their defaults: see above."""

    floor: float | Stock = "stock"
    nwd: float = 0.0
    nwd_c: float = 12.8
    nwd_below: float = 32.0
    box_nwd: float = 0.0
    eps: float | Stock = "stock"

    @property
    def is_stock(self) -> bool:
        """Whether nothing differs from stock Ultralytics."""
        return self.floor == "stock" and self.eps == "stock" and not self.nwd and not self.box_nwd

    def to_dict(self) -> dict[str, Any]:
        """The settings by key."""
        return asdict(self)

    @property
    def words(self) -> str:
        """``assigner floor 8 px, NWD off``."""
        floor = "floor as stock" if self.floor == "stock" else f"floor {self.floor:g} px"
        gate = f" below {self.nwd_below:g} px" if self.nwd_below else ""
        nwd = f"NWD {self.nwd:g} (C {self.nwd_c:g} px{gate})" if self.nwd else "NWD off"
        box = f", {self.box_nwd:g} NWD in the box loss" if self.box_nwd else ""
        eps = "" if self.eps == "stock" else f", eps {self.eps:g}"
        return f"assigner {floor}, {nwd}{box}{eps}"


RANGES = {
    "floor": (0, 256),
    "nwd": (0, 1),
    "nwd_c": (0.1, 1000),
    "nwd_below": (0, 10_000),
    "box_nwd": (0, 1),
    "eps": (1e-30, 1e-3),
}


def read_assign_settings(value: Any, file: str) -> AssignSettings:
    """Read the value of ``assign:``.

    Args:
        value: What the YAML has there.
        file: The YAML, for messages.

    Raises:
        ModelYamlError: It is no mapping, a key is unknown, or a value is out of its range.
    """
    if not isinstance(value, dict):
        raise ModelYamlError(f"{file}: assign must be a mapping, as assign: {{floor: 8}}, got {value!r:.80}")
    known = [field.name for field in fields(AssignSettings)]
    settings: dict[str, Any] = {}
    for key, given in value.items():
        if key not in known:
            hint = did_you_mean(str(key), known)
            raise ModelYamlError(f"{file}: assign has no key '{key!s:.40}'{hint}; it has {', '.join(known)}")
        if key in ("floor", "eps") and given == "stock":
            continue
        number = _number(given)
        low, high = RANGES[key]
        if number is None or not low <= number <= high:
            stock = " or stock" if key in ("floor", "eps") else ""
            raise ModelYamlError(f"{file}: assign {key} must be {low:g} to {high:g}{stock}, got {given!r:.40}")
        settings[key] = number
    return AssignSettings(**settings)


def _number(value: Any) -> float | None:
    """A finite number; PyYAML leaves ``1e-20`` as a text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
