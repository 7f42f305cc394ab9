# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of NCB and NTB."""

from __future__ import annotations

from typing import Any

from tests.blocks.recipe import Recipe, batch_norm
from yolo_fine.blocks.nextvit import NCB, HybridTransformer

PREFIX = "nextvit"


def build(name: str, about: dict[str, Any]) -> Recipe:
    given = about["official"]["constructor"]
    names: dict[str, tuple[str, ...]] = {
        "local.0.conv.weight": ("mhca.group_conv3x3.weight",),
        "local.1.weight": ("mhca.projection.weight",),
        **batch_norm("local.0.bn", "mhca.norm"),
    }
    for kind in ("weight", "bias"):
        names |= {f"mlp.1.{kind}": (f"mlp.conv1.{kind}",), f"mlp.3.{kind}": (f"mlp.conv2.{kind}",)}
    if name == "nextvit_ncb":
        names |= batch_norm("mlp.0", "norm")
        block = NCB(given["in_channels"], given["mlp_ratio"], given["head_dim"], gain=None)
        return Recipe(block, names, lambda module, x: module(x[0]))
    # NTB without its gain; the authors' class may change the number of channels, ours has one number.
    body = HybridTransformer(
        given["in_channels"],
        given["out_channels"],
        sr=given["sr_ratio"],
        mix=given["mix_block_ratio"],
        mlp_ratio=given["mlp_ratio"],
        head_dim=given["head_dim"],
    )
    names |= batch_norm("norm", "norm1") | batch_norm("mlp.0", "norm2") | batch_norm("norm_pooled", "e_mhsa.norm")
    for ours, theirs in (("entry", "patch_embed"), ("between", "projection")):
        if f"{ours}.conv.weight" in body.state_dict():
            names |= {f"{ours}.conv.weight": (f"{theirs}.conv.weight",), **batch_norm(f"{ours}.bn", f"{theirs}.norm")}
    for kind in ("weight", "bias"):
        names[f"attention.q_proj.{kind}"] = (f"e_mhsa.q.{kind}",)
        names[f"attention.kv_proj.{kind}"] = (f"e_mhsa.k.{kind}", f"e_mhsa.v.{kind}")
        names[f"attention.out_proj.{kind}"] = (f"e_mhsa.proj.{kind}",)
    return Recipe(body, names, lambda module, x: module(x[0]))
