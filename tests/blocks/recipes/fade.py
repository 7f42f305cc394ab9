# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of FADE."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.fade import FADE

PREFIX = "fade"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    block = FADE(theirs["in_channels_de"], theirs["in_channels_en"], theirs["up_kernel_size"], gain=None)
    names = {
        "deep.weight": ("kernel_generator.conv1_de.weight",),
        "encode.weight": ("kernel_generator.conv2_kernels",),
        "encode.bias": ("kernel_generator.conv2_bias",),
    }
    for kind in ("weight", "bias"):
        names[f"shallow.{kind}"] = (f"kernel_generator.conv1_en.{kind}",)
        names[f"gate.{kind}"] = (f"gate_generator.conv.{kind}",)
    return Recipe(block, names, lambda module, x: module(x))
