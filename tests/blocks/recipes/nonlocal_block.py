# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of the non-local block, of mmcv and of timm."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.nonlocal_block import NonLocal

PREFIX = "nonlocal"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    if about["official"]["class"] == "NonLocalAttn":
        block = NonLocal(theirs["in_channels"], "timm", False)
        names = {f"project.{kind}": tuple(f"{part}.{kind}" for part in "tpg") for kind in ("weight", "bias")}
        names |= {f"out.conv.{kind}": (f"z.{kind}",) for kind in ("weight", "bias")} | batch_norm("out.bn", "norm")
        return Recipe(block, names, lambda module, x: module(x[0]))
    sub, norm = bool(theirs.get("sub_sample")), "norm_cfg" in theirs
    form = theirs.get("mode", "embedded_gaussian")
    block = NonLocal(theirs["in_channels"], form, sub, theirs.get("reduction", 2), norm)
    pooled = ".0" * sub
    parts = ("theta.conv", f"phi{pooled}.conv", f"g{pooled}.conv")
    names = {f"project.{kind}": tuple(f"{part}.{kind}" for part in parts) for kind in ("weight", "bias")}
    if norm:
        names |= {"out.conv.weight": ("conv_out.conv.weight",)} | batch_norm("out.bn", "conv_out.bn")
    else:
        names |= {f"out.{kind}": (f"conv_out.conv.{kind}",) for kind in ("weight", "bias")}
    return Recipe(block, names, lambda module, x: module(x[0]))
