# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of FINE."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.fine import FINE

PREFIX = "fine"


def build(name: str, about: dict[str, Any]) -> Recipe:
    form = name.split("_")[1]
    arguments = about["official"]["constructor"]
    channels = [entry["shape"][1] for entry in about["inputs"]]
    block = FINE(
        *channels,
        stride=1 if arguments["is_first"] else 2,
        heads=arguments["nhead"],
        modulation="mul",
        qk_norm="sum",
        cosformer=form == "ultralytics",
        attn_norm="layer" if form == "yolov10" else "rms",
        legacy_pe=True,
        rms_eps=torch.finfo(torch.float32).eps,
        embed=form != "mmdet",
    )
    inner = ".0" if form != "mmdet" else ""
    names: dict[str, tuple[str, ...]] = {}
    for kind in ("weight", "bias"):
        names[f"attention.q_proj.{kind}"] = (f"q_proj{inner}.{kind}",)
        names[f"attention.kv_proj.{kind}"] = (f"k_proj{inner}.{kind}", f"v_proj.{kind}")
        names[f"attention.out_proj.{kind}"] = (f"out_proj.{kind}",)
        for ours, theirs in (("mlp.0", "linear1"), ("mlp.2", "linear2"), ("norm1", "norm1"), ("norm2", "norm2")):
            names[f"{ours}.{kind}"] = (f"{theirs}.{kind}",)
        if kind == "weight" or form == "yolov10":
            names[f"attention.norm.{kind}"] = (f"attn_norm.{kind}",)
        if form != "mmdet":
            names[f"embed.conv.{kind}"] = (f"high_to_low_embed.0.{kind}",)
    if form != "mmdet":
        names |= batch_norm("embed.bn", "high_to_low_embed.1")
    up: dict[str, Any] = {"mode": "nearest"}
    if form == "ultralytics":
        up = {"mode": "bilinear", "align_corners": False}

    def run(module: nn.Module, x: list[Tensor]) -> Tensor:
        refined = module(x)
        return refined if form == "mmdet" else torch.cat([F.interpolate(x[0], scale_factor=2, **up), refined], 1)

    return Recipe(block, names, run)
