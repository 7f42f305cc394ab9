# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of iAFF."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from tests.blocks.recipes.aff import attention
from yolo_fine.blocks.aff import iAFF

PREFIX = "iaff"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = iAFF(arguments["channels"], arguments["channels"], arguments["r"])
    names = attention("first", "") | attention("second", "2")
    return Recipe(block, names, lambda module, x: module([x[1], x[0]]))  # the first of theirs gets the weight w
