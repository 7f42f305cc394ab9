# SPDX-License-Identifier: AGPL-3.0-or-later
"""Focal modulation: context gathered level by level, then multiplied into each pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.norms import ChannelLayerNorm
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, OddFrom1, Positive


@block(inputs=1, out="same", kind="context", paper="https://arxiv.org/abs/2203.11926")
class FocalModulation(nn.Module):
    """Focal modulation: a pixel's query times a sum of contexts of growing reach, gated per pixel.

    "Focal Modulation Networks", NeurIPS 2022 (arXiv 2203.11926), the authors' code.

    1. One 1x1 convolution makes query (C), context (C) and L+1 gates.
    2. Level l < L: ``context = GELU(DW_k(context))`` with kernel k = window + 2l; the last level is the GELU of the
       mean of the last context. Each is multiplied by its gate and summed up.
    3. ``FM = Conv1x1(query · Conv1x1(sum))``.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·FM(LayerNorm(x))``. ``gain=None`` is FM
    alone, as in the authors' class: no norm and no residual, so it replaces the map by a faint one. The gain is ours.

    Cost: 70 787 parameters (+ 2C of the norm and C gains) and 0.450 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        levels: Number L of local levels.
        window: Kernel of the first level, an odd number.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, levels: Positive = 2, window: OddFrom1 = 3, gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.widths = [channels, channels, levels + 1]
        self.entry = nn.Conv2d(channels, sum(self.widths), 1)
        kernels = [window + 2 * level for level in range(levels)]
        self.levels = nn.ModuleList(
            nn.Conv2d(channels, channels, k, padding=k // 2, groups=channels, bias=False) for k in kernels
        )
        self.modulator = nn.Conv2d(channels, channels, 1)
        self.exit = nn.Conv2d(channels, channels, 1)
        self.norm = None if gain is None else ChannelLayerNorm(channels)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Modulate ``x`` by its context."""
        return self._modulate(x) if self.norm is None else self.gain(x, x + self._modulate(self.norm(x)))

    def _modulate(self, x: Tensor) -> Tensor:
        query, context, gates = self.entry(x).split(self.widths, dim=1)  # C, C and L + 1 channels
        *near, far = gates.chunk(len(self.levels) + 1, dim=1)  # each (B, 1, H, W)
        gathered = torch.zeros_like(query)
        for level, gate in zip(self.levels, near, strict=True):
            context = F.gelu(level(context))
            gathered = torch.addcmul(gathered, context, gate)
        gathered = torch.addcmul(gathered, F.gelu(context.mean((2, 3), keepdim=True)), far)
        y: Tensor = self.exit(query * self.modulator(gathered))
        return y
