# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of FocalModulation: the bare operator."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.focal_modulation import FocalModulation

PREFIX = "focal_modulation"


def build(name: str, about: dict[str, Any]) -> Recipe:
    given = about["official"]["constructor"]
    block = FocalModulation(given["dim"], given["focal_level"], given["focal_window"], gain=None)
    names: dict[str, tuple[str, ...]] = {}
    for ours, theirs in (("entry", "f"), ("modulator", "h"), ("exit", "proj")):
        names |= {f"{ours}.{kind}": (f"{theirs}.{kind}",) for kind in ("weight", "bias")}
    names |= {f"levels.{level}.weight": (f"focal_layers.{level}.0.weight",) for level in range(given["focal_level"])}
    return Recipe(block, names, lambda module, x: module(x[0]))
