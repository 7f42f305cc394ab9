# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of Res2Net."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.res2net import Res2Net

PREFIX = "res2net"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = Res2Net(arguments["inplanes"], arguments["scale"], arguments["baseWidth"], gain=None)
    layers = {"enter": ("conv1", "bn1"), "leave": ("conv3", "bn3")}
    layers |= {f"slices.{i}": (f"convs.{i}", f"bns.{i}") for i in range(arguments["scale"] - 1)}
    names: dict[str, tuple[str, ...]] = {}
    for ours, (conv, norm) in layers.items():
        names[f"{ours}.conv.weight"] = (f"{conv}.weight",)
        names |= batch_norm(f"{ours}.bn", norm)
    return Recipe(block, names, lambda module, x: module(x[0]))
