# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of ECA."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.eca import ECA

PREFIX = "eca"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = ECA(arguments["channel"], arguments["k_size"], gain=None)
    return Recipe(block, {"conv.weight": ("conv.weight",)}, lambda module, x: module(x[0]))
