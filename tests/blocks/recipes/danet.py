# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of PAM and CAM."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.danet import CAM, PAM

PREFIX = "danet"


def build(name: str, about: dict[str, Any]) -> Recipe:
    channels = about["official"]["constructor"]["in_dim"]
    names: dict[str, tuple[str, ...]] = {"gain": ("gamma",)}
    if name == "danet_cam":
        return Recipe(CAM(channels), names, lambda module, x: module(x[0]))
    for kind in ("weight", "bias"):
        names[f"qkv.{kind}"] = (f"query_conv.{kind}", f"key_conv.{kind}", f"value_conv.{kind}")
    return Recipe(PAM(channels), names, lambda module, x: module(x[0]))
