# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of LCCM, top-down and bottom-up."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.lccm import LCCM, LCCMBottomUp

PREFIX = "lccm"


def build(name: str, about: dict[str, Any]) -> Recipe:
    down = name == "lccm_td"
    arguments = about["official"]["constructor"]
    channels, cells, reduction = (arguments[key] for key in ("channel", "pool_size", "channel_down"))
    block = (LCCM if down else LCCMBottomUp)(channels, channels, cells, reduction, gain=None)
    layers = {
        "value_key": "liner_low",
        "query": "liner_high",
        "channel.widen": "ch_wz",
        "channel.norm": "ln",
        "position.pixel" if down else "pixel": "sp_wv",
    }
    if down:
        layers["position.weigh"] = "sp_wz"
    names = {f"{ours}.{k}": (f"{theirs}.{k}",) for ours, theirs in layers.items() for k in ("weight", "bias")}
    if not down:
        names["down.conv.weight"] = ("sp_wz.conv.weight",)
        names |= batch_norm("down.bn", "sp_wz.bn")
    return Recipe(block, names, lambda module, x: module([x[1], x[0]]))  # the authors' order is fine, coarse
