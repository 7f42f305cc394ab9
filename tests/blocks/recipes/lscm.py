# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of LSCM."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.lscm import LSCM

PREFIX = "lscm"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = LSCM(arguments["channel"], arguments["pool_size"], arguments["channel_down"], gain=None)
    layers = {
        "vqk": "ch_wv",
        "channel.widen": "ch_wz",
        "channel.norm": "ln",
        "position.pixel": "sp_wv",
        "position.weigh": "sp_wz",
    }
    names = {f"{ours}.{k}": (f"{theirs}.{k}",) for ours, theirs in layers.items() for k in ("weight", "bias")}
    return Recipe(block, names, lambda module, x: module(x[0]))
