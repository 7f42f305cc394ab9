# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of RFB."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.rfb import RFB

PREFIX = "rfb"


def build(name: str, about: dict[str, Any]) -> Recipe:
    given = about["official"]["constructor"]
    block = RFB(given["in_planes"], scale=given["scale"], gain=None)
    names: dict[str, tuple[str, ...]] = {}
    for key in block.state_dict():
        if not key.endswith("num_batches_tracked"):
            names[key] = (key.replace("branches.", "branch").replace("merge.", "ConvLinear."),)
    return Recipe(block, names, lambda module, x: module(x[0]))
