# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of GC."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.gc import GC

PREFIX = "gc_"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    multiply = "channel_mul" in arguments["fusion_types"]
    names: dict[str, tuple[str, ...]] = {}
    for kind in ("weight", "bias"):
        names[f"mask.{kind}"] = (f"conv_mask.{kind}",)
        for branch, theirs in {
            "add": "channel_add_conv",
            **({"multiply": "channel_mul_conv"} if multiply else {}),
        }.items():
            for place, layer in ((0, "squeeze"), (1, "norm"), (3, "excite")):
                names[f"{branch}.{layer}.{kind}"] = (f"{theirs}.{place}.{kind}",)
    return Recipe(GC(arguments["in_channels"], arguments["ratio"], multiply), names, lambda module, x: module(x[0]))
