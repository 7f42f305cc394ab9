# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of FCViTContext."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.fcvit import FCViTContext

PREFIX = "fcvit_global_context"


def build(name: str, about: dict[str, Any]) -> Recipe:
    given = about["official"]["constructor"]
    block = FCViTContext(given["dim"], given["head"], given["gc_reduction"], gain=None)
    names: dict[str, tuple[str, ...]] = {}
    for kind in ("weight", "bias"):
        names[f"squeeze.{kind}"] = (f"fc.0.{kind}",)
        names[f"excite.{kind}"] = (f"fc.2.{kind}",)
        names[f"rescale.{kind}"] = (f"rescale_{kind}",)
    return Recipe(block, names, lambda module, x: module(x[0]))
