# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of LDA-AQU without offsets; the authors' class holds the branch that makes them, without effect."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.lda_aqu import LDAAQU

PREFIX = "local_aqu"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    assert theirs["range_factor"] == 0
    block = LDAAQU(
        theirs["in_channels"],
        int(theirs.get("scale_factor", 2)),
        theirs.get("k_u", 3),
        reduction=theirs.get("reduction_factor", 4),
        reach=0,
    )
    names: dict[str, tuple[str, ...]] = {
        "query_key.weight": ("proj_q.weight", "proj_k.weight"),
        "position": ("relative_position_bias_table",),
        "norm.weight": ("layer_norm.norm.weight",),
        "norm.bias": ("layer_norm.norm.bias",),
    }
    unused = ("0.weight", "1.norm.weight", "1.norm.bias", "3.weight", "3.bias")
    return Recipe(block, names, lambda module, x: module(x[0]), frozenset(f"conv_offset.{key}" for key in unused))
