# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of SEM."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.sem import SEM

PREFIX = "sem"


def build(name: str, about: dict[str, Any]) -> Recipe:
    block = SEM(about["official"]["constructor"]["inplanes"], gain=None)
    names = {"conv.weight": ("conv.weight",), "affine.weight": ("w1",), "affine.bias": ("b1",)}
    for kind in ("weight", "bias"):
        layers = {"switch": "switch_fc", "squeeze": "fc1", "excite": "fc2"}
        names |= {f"{ours}.{kind}": (f"{theirs}.{kind}",) for ours, theirs in layers.items()}
    return Recipe(block, names, lambda module, x: module(x[0]))
