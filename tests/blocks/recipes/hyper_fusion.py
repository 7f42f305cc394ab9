# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of HyperFusion's body: a reconstruction, written down independently."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.hyper_fusion import LevelFusion

PREFIX = "hyperfusion"


def build(name: str, about: dict[str, Any]) -> Recipe:
    given = about["official"]["constructor"]
    block = LevelFusion(given["channels"], given["c_out"], target=given["target"], up=given["up"])
    names: dict[str, tuple[str, ...]] = {f"norms.{i}.weight": (f"scale.{i}",) for i in range(3)}
    names |= {"merge.conv.weight": ("conv.weight",), **batch_norm("merge.bn", "bn")}
    if given["up"] == "deconv":
        names |= {f"enlarge.{i}.weight": (f"deconv.{i}.weight",) for i in range(2 - given["target"])}
    return Recipe(block, names, lambda module, x: module(x))
