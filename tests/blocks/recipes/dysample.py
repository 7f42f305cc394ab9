# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of DYSAMPLE."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.dysample import DySample

PREFIX = "dysample"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = dict(about["official"]["constructor"])
    block = DySample(arguments.pop("in_channels"), **arguments)
    names = {key: (key,) for key in block.state_dict()}
    return Recipe(block, names, lambda module, x: module(x[0]), constants=frozenset({"init_pos"}))
