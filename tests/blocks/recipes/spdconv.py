# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of SPD-Conv, in both orders."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.spdconv import SPDConv

PREFIX = "spdconv"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    names = {"conv.conv.weight": ("conv.conv.weight",), **batch_norm("conv.bn", "conv.bn")}
    if "c_mid" in theirs:
        block = SPDConv(theirs["c1"], 4 * theirs["c_mid"], theirs["k"], "conv_space")
        return Recipe(block, names, lambda module, x: module(x[0]))
    block = SPDConv(theirs["c1"], theirs["c2"], theirs["k"])
    return Recipe(block, names, lambda module, x: module(x[0]), convert={"conv.conv.weight": as_one_convolution})


def as_one_convolution(weight: Tensor) -> Tensor:
    """Weights (O, 4C, k, k) behind space to depth as those (O, C, 2k, 2k) of one convolution of stride 2."""
    c_out, c_in, side, _ = weight.shape
    one = torch.zeros(c_out, c_in // 4, 2 * side, 2 * side)
    for index, part in enumerate(weight.chunk(4, dim=1)):
        one[:, :, index % 2 :: 2, index // 2 :: 2] = part
    return one
