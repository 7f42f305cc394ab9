# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of ASF-YOLO's parts. The authors list maps from fine to coarse."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.asf import CPAM, ScalSeq, ZoomCat

PREFIX = "asf_"


def build(name: str, about: dict[str, Any]) -> Recipe:
    channels = [entry["shape"][1] for entry in about["inputs"]]
    if name == "asf_zoom_cat":
        return Recipe(ZoomCat(*reversed(channels)), {}, lambda module, x: module(x[::-1]))
    if name == "asf_scalseq":
        names: dict[str, tuple[str, ...]] = {
            "mid.conv.weight": ("conv1.conv.weight",),
            "deep.conv.weight": ("conv2.conv.weight",),
            "shared.conv.weight": ("conv3d.weight",),
            "shared.conv.bias": ("conv3d.bias",),
        }
        names |= batch_norm("mid.bn", "conv1.bn") | batch_norm("deep.bn", "conv2.bn") | batch_norm("shared.bn", "bn")
        return Recipe(ScalSeq(*reversed(channels), gain=None), names, lambda module, x: module(x[::-1]))
    names = {
        "channel.weight": ("channel_att.conv.weight",),
        "squeeze.conv.weight": ("local_att.conv_1x1.weight",),
        "rows.weight": ("local_att.F_h.weight",),
        "columns.weight": ("local_att.F_w.weight",),
        **batch_norm("squeeze.bn", "local_att.bn"),
    }
    return Recipe(CPAM(*channels), names, lambda module, x: module(x))
