# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden tensors of FreqFusion. The authors' output is fine, then coarse."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.blocks.recipe import Recipe
from yolo_fine.blocks.freqfusion import FreqFusion

PREFIX = "freqfusion"


def build(name: str, about: dict[str, Any]) -> Recipe:
    theirs = about["official"]["constructor"]
    coarse, fine = theirs["lr_channels"], theirs["hr_channels"]
    groups = theirs.get("feature_resample_group", 4) if theirs.get("feature_resample") else 0
    padding = "reflect" if "REFLECT" in about["how_it_was_run"] else "zeros"
    block = FreqFusion(coarse, fine, theirs.get("compressed_channels", 64), groups, padding=padding, gain=None)
    pairs = {
        "compress_fine": "hr_channel_compressor",
        "compress_coarse": "lr_channel_compressor",
        "low": "content_encoder",
        "high": "content_encoder2",
    }
    constants = {"hamming_lowpass", "hamming_highpass"}
    if groups:
        constants.add("dysampler.init_pos")
        pairs |= {
            "offsets.fine": "dysampler.hr_offset",
            "offsets.coarse": "dysampler.offset",
            "offsets.gate_fine": "dysampler.hr_direct_scale",
            "offsets.gate_coarse": "dysampler.direct_scale",
            "offsets.norm_fine": "dysampler.norm_hr",
            "offsets.norm_coarse": "dysampler.norm_lr",
        }
    names = {f"{ours}.{kind}": (f"{their}.{kind}",) for ours, their in pairs.items() for kind in ("weight", "bias")}

    def run(module: nn.Module, x: list[Tensor]) -> Tensor:
        y = module([x[1], x[0]])
        return torch.cat([y[:, coarse:], y[:, :coarse]], 1)

    return Recipe(block, names, run, frozenset(constants))
