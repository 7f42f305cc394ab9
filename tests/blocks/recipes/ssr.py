# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of SSR."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.ssr import SSR

PREFIX = "ssr_"


def build(name: str, about: dict[str, Any]) -> Recipe:
    channels = [entry["shape"][1] for entry in about["inputs"]]
    names: dict[str, tuple[str, ...]] = {
        "opacity.0.conv.weight": ("conv.0.weight",),
        "opacity.1.conv.weight": ("conv_inner.0.weight",),
        "opacity.2.weight": ("final.0.weight",),
    }
    names |= batch_norm("opacity.0.bn", "conv.1.0") | batch_norm("opacity.1.bn", "conv_inner.1.0")
    return Recipe(SSR(channels, 1, renormalise=False), names, lambda module, x: module(x))
