# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of AFF."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.aff import AFF

PREFIX = "aff"


def attention(ours: str, stage: str) -> dict[str, tuple[str, ...]]:
    """Names of one gate; the authors number the layers, activations and pooling included."""
    names: dict[str, tuple[str, ...]] = {}
    for branch, theirs, start in (("local", f"local_att{stage}", 0), ("pooled", f"global_att{stage}", 1)):
        for layer in (0, 1):
            place = start + 3 * layer
            conv = f"{ours}.{branch}.{layer}.conv"
            names |= {f"{conv}.{kind}": (f"{theirs}.{place}.{kind}",) for kind in ("weight", "bias")}
            names |= batch_norm(f"{ours}.{branch}.{layer}.bn", f"{theirs}.{place + 1}")
    return names


def build(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = AFF(arguments["channels"], arguments["channels"], arguments["r"])
    return Recipe(block, attention("attention", ""), lambda module, x: module([x[1], x[0]]))  # w is their first map's
