# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of the selective kernel convolution, of timm."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.sk import SK

PREFIX = "sk"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    channels = theirs["in_channels"]
    kernels = tuple(theirs.get("kernel_size") or (3, 5))
    smallest = theirs.get("rd_channels") or max(8, (channels // 16 + 4) // 8 * 8)
    split, dilate = theirs.get("split_input", True), theirs.get("keep_3x3", True)
    block = SK(channels, kernels, theirs.get("groups", 1), split=split, dilate=dilate, smallest=smallest, gain=None)
    names: dict[str, tuple[str, ...]] = {"select.weight": ("attn.fc_select.weight",)}
    for path in range(len(kernels)):
        names |= {f"paths.{path}.conv.weight": (f"paths.{path}.conv.weight",)}
        names |= batch_norm(f"paths.{path}.bn", f"paths.{path}.bn")
    names |= {"squeeze.conv.weight": ("attn.fc_reduce.weight",)} | batch_norm("squeeze.bn", "attn.bn")
    return Recipe(block, names, lambda module, x: module(x[0]))
