# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of the pyramid sparse transformer. Its output may have other channels than its fine map."""

from __future__ import annotations

from typing import Any

from ultralytics.nn.modules import Conv

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.pst import PST

PREFIX = "pst"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    hidden, count, top = int(theirs["c2"] * theirs.get("e", 0.5)), theirs.get("n", 1), theirs.get("k", 0)
    ratio = int(theirs.get("mlp_ratio", 2))
    block = PST(theirs["c_up"], theirs["c1"], top, count, mlp_ratio=ratio, hidden=hidden, gain=None)
    block.merge = Conv((1 + count) * hidden, theirs["c2"], 1)
    pairs = {"low": "cv1", "high": "cvup", "merge": "cv2"}
    names: dict[str, tuple[str, ...]] = {}
    constants = set()
    parts = {
        "query": "attn.q", "key_value": "attn.kv", "project": "attn.proj", "position": "attn.pe",
        "expand": "mlp.0", "reduce": "mlp.1",
    }  # fmt: skip
    for layer in range(count):
        pairs |= {f"layers.{layer}.{ours}": f"attnlayer_{layer}.{their}" for ours, their in parts.items()}
        gate = f"attnlayer_{layer}.attn.gate_conv1d"
        if top:
            names |= {f"layers.{layer}.gate.{kind}": (f"{gate}.{kind}",) for kind in ("weight", "bias")}
        else:  # stored, but never used
            constants |= {f"{gate}.weight", f"{gate}.bias"}
    for ours, their in pairs.items():
        names |= {f"{ours}.conv.weight": (f"{their}.conv.weight",)} | batch_norm(f"{ours}.bn", f"{their}.bn")
    return Recipe(block, names, lambda module, x: module([x[1], x[0]]), frozenset(constants))
