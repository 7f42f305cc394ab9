# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of CARAFE."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.carafe import CARAFE

PREFIX = "carafe"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    block = CARAFE(theirs["channels"], theirs["scale_factor"], theirs["up_kernel"], theirs["compressed_channels"])
    names = {
        f"{ours}.{kind}": (f"{layer}.{kind}",)
        for ours, layer in (("compress", "channel_compressor"), ("encode", "content_encoder"))
        for kind in ("weight", "bias")
    }
    return Recipe(block, names, lambda module, x: module(x[0]))
