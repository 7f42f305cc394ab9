# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of NHS's body, which may widen the map."""

from __future__ import annotations

from typing import Any

from torch import nn
from ultralytics.nn.modules import Conv

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.nextvit import NCB
from yolo_fine.blocks.nhs import HybridStack

PREFIX = "nhs_"
ATTENTION = {"norm": "norm1", "mlp.0": "norm2", "norm_pooled": "e_mhsa.norm"}


def build(name: str, about: dict[str, Any]) -> Recipe:
    given = about["official"]["constructor"]
    block = HybridStack(
        given["in_channels"],
        given["out_channels"],
        n=given["ncb"],
        repeats=given["repeats"],
        sr=given["sr_ratio"],
        mix=given["mix_block_ratio"],
        head_dim=given["head_dim"],
    )
    names: dict[str, tuple[str, ...]] = {}
    theirs = 0  # their 1x1 convolution back is a part of the block behind it
    for ours, layer in enumerate(block):
        prefix = f"{ours}"
        if isinstance(layer, Conv):
            names |= convolution(prefix, f"{theirs}.patch_embed")
            continue
        names |= renamed(block, prefix, f"{theirs}", isinstance(layer, NCB))
        theirs += 1
    return Recipe(block, names, lambda module, x: module(x[0]))


def renamed(block: nn.Module, ours: str, theirs: str, is_ncb: bool) -> dict[str, tuple[str, ...]]:
    """The names of one NCB or NTB."""
    names: dict[str, tuple[str, ...]] = {
        f"{ours}.local.0.conv.weight": (f"{theirs}.mhca.group_conv3x3.weight",),
        f"{ours}.local.1.weight": (f"{theirs}.mhca.projection.weight",),
        **batch_norm(f"{ours}.local.0.bn", f"{theirs}.mhca.norm"),
    }
    for kind in ("weight", "bias"):
        names[f"{ours}.mlp.1.{kind}"] = (f"{theirs}.mlp.conv1.{kind}",)
        names[f"{ours}.mlp.3.{kind}"] = (f"{theirs}.mlp.conv2.{kind}",)
        if not is_ncb:
            names[f"{ours}.attention.q_proj.{kind}"] = (f"{theirs}.e_mhsa.q.{kind}",)
            names[f"{ours}.attention.kv_proj.{kind}"] = (f"{theirs}.e_mhsa.k.{kind}", f"{theirs}.e_mhsa.v.{kind}")
            names[f"{ours}.attention.out_proj.{kind}"] = (f"{theirs}.e_mhsa.proj.{kind}",)
    if is_ncb:
        return names | batch_norm(f"{ours}.mlp.0", f"{theirs}.norm")
    for norm, official in ATTENTION.items():
        if f"{ours}.{norm}.weight" in block.state_dict():
            names |= batch_norm(f"{ours}.{norm}", f"{theirs}.{official}")
    return (
        names
        | convolution(f"{ours}.entry", f"{theirs}.patch_embed")
        | convolution(f"{ours}.between", f"{theirs}.projection")
    )


def convolution(ours: str, theirs: str) -> dict[str, tuple[str, ...]]:
    return {f"{ours}.conv.weight": (f"{theirs}.conv.weight",), **batch_norm(f"{ours}.bn", f"{theirs}.norm")}
