# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of MSCAM."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.ms_cam import MSCAM

PREFIX = "ms_cam"


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = MSCAM(arguments["channels"], arguments["r"], gain=None)
    names: dict[str, tuple[str, ...]] = {}
    for ours, theirs, start in (("local", "local_att", 0), ("pooled", "global_att", 1)):
        for layer in (0, 1):
            place = start + 3 * layer
            names |= {f"{ours}.{layer}.conv.{kind}": (f"{theirs}.{place}.{kind}",) for kind in ("weight", "bias")}
            names |= batch_norm(f"{ours}.{layer}.bn", f"{theirs}.{place + 1}")
    return Recipe(block, names, lambda module, x: module(x[0]))
