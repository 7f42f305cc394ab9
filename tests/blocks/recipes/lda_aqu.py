# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of LDA-AQU."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.lda_aqu import LDAAQU

PREFIX = "lda_aqu"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    block = LDAAQU(
        theirs["in_channels"],
        int(theirs["scale_factor"]),
        theirs["k_u"],
        theirs["n_groups"],
        reduction=theirs["reduction_factor"],
        reach=theirs["range_factor"],
    )
    names: dict[str, tuple[str, ...]] = {
        "query_key.weight": ("proj_q.weight", "proj_k.weight"),
        "offset_depthwise.weight": ("conv_offset.0.weight",),
        "position": ("relative_position_bias_table",),
    }
    for kind in ("weight", "bias"):
        names[f"norm.{kind}"] = (f"layer_norm.norm.{kind}",)
        names[f"offset_norm.{kind}"] = (f"conv_offset.1.norm.{kind}",)
        names[f"offset.{kind}"] = (f"conv_offset.3.{kind}",)
    return Recipe(block, names, lambda module, x: module(x[0]))
