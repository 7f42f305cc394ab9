# SPDX-License-Identifier: AGPL-3.0-or-later
"""SEM: three ways to gate channels, weighed by a switch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.blocks.eca import eca_kernel
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.gates import gated
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction


@block(inputs=1, out="same", kind="refine", paper="https://arxiv.org/abs/2209.05680")
class SEM(nn.Module):
    """Switchable excitation module: a gate per channel, the product of three.

    "Switchable Self-attention Module" (arXiv 2209.05680), the authors' code. From the means ``g`` of all channels: the
    switch ``w = σ(Linear(g))``, three numbers, and three operators ``o₁`` (two layers with C/r hidden values, as SE,
    but with biases), ``o₂`` (a filter over the channels, as ECA) and ``o₃`` (one weight and one bias a channel, which
    start at 0 and -1). The gate is the product ``Π σ(wᵢ oᵢ)``.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(SEM(x) - x)``. ``gain=None`` is the
    paper's form without g (a product of three sigmoids, which scales features by about 0.1). The gain is ours.

    Cost: 2C·(C/r) + C/r + 6C + k + 3 parameters (+ C gains): 2 832 (+128) at C = 128.

    Args:
        channels: Channels C.
        reduction: Ratio r; the hidden layer has C/r values, rounded down, at least 1.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, reduction: Reduction = 16, gain: Gain | None = 0.0) -> None:
        super().__init__()
        hidden, kernel = max(1, channels // reduction), eca_kernel(channels)
        self.switch = nn.Linear(channels, 3)
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        self.affine = ChannelAffine(channels)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate the channels of ``x``."""
        means = x.mean((2, 3))  # (B, C, H, W) -> (B, C)
        operators = [
            self.excite(F.relu(self.squeeze(means))),
            self.conv(means.unsqueeze(1)).squeeze(1),
            self.affine(means),
        ]
        weights = self.switch(means).sigmoid().split(1, dim=1)  # three of (B, 1)
        first, second, third = ((o * w).sigmoid() for o, w in zip(operators, weights, strict=True))
        return gated(x, first * second * third, self.gain)


class ChannelAffine(nn.Module):
    """``weight · g + bias`` of vectors (B, C), starting as the constant -1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(-torch.ones(channels))

    def forward(self, g: Tensor) -> Tensor:
        """Scale and shift."""
        return torch.addcmul(self.bias, self.weight, g)
