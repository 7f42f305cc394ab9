# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of AFA."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.afa import AFA

PREFIX = "afa"


def build(name: str, about: dict[str, Any]) -> Recipe:
    channels = about["official"]["constructor"]["out_dim"]
    names: dict[str, tuple[str, ...]] = {}
    for ours, theirs in (("spatial.0", "sa_1.conv"), ("spatial.1", "sa_1.conv_inner"), ("channel.0", "ca_1.conv1")):
        names[f"{ours}.conv.weight"] = (f"{theirs}.0.weight",)
        names |= batch_norm(f"{ours}.bn", f"{theirs}.1.0")
    names |= {"spatial.2.weight": ("sa_1.final.0.weight",), "channel.1.weight": ("ca_1.conv2.0.weight",)}
    return Recipe(AFA(channels, channels), names, lambda module, x: module([x[1], x[0]]))  # their order: fine, coarse
