# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of CBAM."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.cbam import CBAM

PREFIX = "cbam"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = CBAM(arguments["gate_channels"], arguments["reduction_ratio"], gain=None)
    names: dict[str, tuple[str, ...]] = {"spatial.conv.weight": ("SpatialGate.spatial.conv.weight",)}
    names |= batch_norm("spatial.bn", "SpatialGate.spatial.bn")
    for kind in ("weight", "bias"):
        names |= {f"mlp.{ours}.{kind}": (f"ChannelGate.mlp.{theirs}.{kind}",) for ours, theirs in ((0, 1), (2, 3))}
    return Recipe(block, names, lambda module, x: module(x[0]))
