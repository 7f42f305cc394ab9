# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of CFPT and its two attentions; the outputs stand in one line, fine to coarse."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.cfpt import CFPT, CrossLayerCells, CrossLayerChannels

PREFIX = "cfpt"
PARTS = {
    "before.conv": "cpe.{}.0.proj",
    "after.conv": "cpe.{}.1.proj",
    "qkv": "qkv.{}",
    "proj": "proj.{}",
    "norm1": "norm1.{}.norm",
    "norm2": "norm2.{}",
    "mlp.0": "mlp.{}.fc1",
    "mlp.2": "mlp.{}.fc2",
}


def build(name: str, about: dict[str, Any]) -> Recipe:
    given = about["official"]["constructor"]
    names: dict[str, tuple[str, ...]] = {}
    convert: dict[str, Callable[[Tensor], Tensor]] = {}
    constants: set[str] = set()
    settings = (given["num_heads"], given["reduction"])
    ratio = given["mlp_ratio"]
    if name == "cfpt":
        block: nn.Module = CFPT(given["in_channels"][1:], given["out_channels"], 2, *settings, mlp_ratio=ratio)
        for ours, theirs in (("laterals.0", 2), ("laterals.1", 3), ("laterals.2", 4), ("coarser", 5)):
            names |= convolution(ours, f"conv{theirs}")
        names |= convolution("coarsest", "extra_conv1")
        attentions = {"channelwise.": "cross_layer_channel_attn.", "cellwise.": "cross_layer_spatial_attn."}
        levels = 4
    else:
        cls = CrossLayerChannels if name == "cfpt_cca" else CrossLayerCells
        levels = given["layer_num"]
        block = cls(given["in_dim"], levels, *settings, mlp_ratio=ratio, axes=1 if name == "cfpt_cca" else 2)
        attentions = {"": ""}
    for ours, theirs in attentions.items():
        for i in range(levels):
            for part, official in PARTS.items():
                for kind in ("weight", "bias"):
                    names[f"{ours}levels.{i}.{part}.{kind}"] = (f"{theirs}{official.format(i)}.{kind}",)
        names[f"{ours}position.table"] = (f"{theirs}pos_embed.relative_position_bias_table",)
        read = block.state_dict()[f"{ours}position.table"].shape[0]  # of theirs, the first rows only
        convert[f"{ours}position.table"] = operator.itemgetter(slice(read))
        constants |= {f"{theirs}pos_embed.{key}" for key in ("absolute_position_bias", "relative_position_index")}
    return Recipe(block, names, lambda module, x: in_one_line(module(x)), frozenset(constants), convert)


def in_one_line(maps: list[Tensor]) -> Tensor:
    return torch.cat([one.flatten(2) for one in maps], dim=2)


def convolution(ours: str, theirs: str) -> dict[str, tuple[str, ...]]:
    return {f"{ours}.conv.weight": (f"{theirs}.conv.weight",), **batch_norm(f"{ours}.bn", f"{theirs}.bn")}
