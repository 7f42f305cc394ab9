# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of SDA."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.sda import SDA

PREFIX = "sda"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    count = arguments["blocks"]
    block = SDA([arguments["planes"]] * count, arguments["r"], arguments["L"])
    names: dict[str, tuple[str, ...]] = {"squeeze.conv.weight": ("fc.0.weight",)}
    names |= batch_norm("squeeze.bn", "fc.1")
    names |= {f"weigh.{kind}": tuple(f"fcs.{i}.{kind}" for i in range(count)) for kind in ("weight", "bias")}
    return Recipe(block, names, lambda module, x: module(x))
