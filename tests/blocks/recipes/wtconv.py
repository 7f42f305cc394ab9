# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of WTConv. The authors' class is our layer: the block adds a gain only."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.layers.wavelet_conv import WaveletConv

PREFIX = "wtconv"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    levels, bias = theirs.get("wt_levels", 1), theirs.get("bias", True)
    layer = WaveletConv(theirs["in_channels"], theirs.get("kernel_size", 5), levels, theirs.get("stride", 1), bias)
    names = {"base.weight": ("base_conv.weight",), "base_scale": ("base_scale.weight",)}
    if bias:
        names["base.bias"] = ("base_conv.bias",)
    for level in range(levels):
        names[f"bands.{level}.weight"] = (f"wavelet_convs.{level}.weight",)
        names[f"band_scales.{level}"] = (f"wavelet_scale.{level}.weight",)
    return Recipe(layer, names, lambda module, x: module(x[0]), frozenset({"wt_filter", "iwt_filter"}))
