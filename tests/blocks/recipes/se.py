# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of SE."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.se import SE

PREFIX = "se"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = SE(arguments["channel"], arguments["reduction"], gain=None)
    names = {"squeeze.weight": ("fc.0.weight",), "excite.weight": ("fc.2.weight",)}
    return Recipe(block, names, lambda module, x: module(x[0]))
