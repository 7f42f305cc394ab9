# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of A2N."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.a2n import A2N

PREFIX = "a2n"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = A2N(arguments["nf"], arguments["reduction"], float(arguments["t"]), gain=None)
    names: dict[str, tuple[str, ...]] = {
        "first.weight": ("conv_first.weight",),
        "read.weight": ("attention.k3.weight", "attention.k1.weight", "non_attention.weight"),
        "gate.weight": ("attention.k2.weight",),
        "gate.bias": ("attention.k2.bias",),
        "attend.weight": ("attention.k4.weight",),
        "squeeze.weight": ("ADM.0.weight",),
        "weigh.weight": ("ADM.2.weight",),
        "last.weight": ("conv_last.weight",),
    }
    return Recipe(block, names, lambda module, x: module(x[0]))
