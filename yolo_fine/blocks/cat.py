# SPDX-License-Identifier: AGPL-3.0-or-later
"""CAT: channel and spatial attention from mean, maximum and entropy, in learnt proportions."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.softmax import log_softmax
from yolo_fine.layers.views import Bars, Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction


@block(inputs=1, out="same", kind="refine", paper="https://arxiv.org/abs/2212.06335", origin="reconstruction")
class CAT(nn.Module):
    """CAT attention: ``x·(e1·A_c + e2·A_s)``, gates of channels and positions that learn how much each counts.

    RECONSTRUCTION. "CAT: Learning to Collaborate Channel and Spatial Attention from Multi-Information Fusion" (IET
    Computer Vision 2023, arXiv 2212.06335) published no code and its text could not be read. Known are the three
    poolings (mean, maximum and entropy), the shared MLP, and the trained factors that weigh the poolings (inside) and
    the two attentions (outside). The rest is ours:

    * Entropy of n values: that of their softmax, divided by log n, so that it lies between 0 and 1.
    * ``A_c = σ(Σ_j a_j·MLP(pool_j))`` over the three pools of each channel.
    * ``A_s = σ(Conv7x7(Σ_j b_j·pool_j))`` over the three pools across the channels of each position.
    * a, b and e are softmaxes of the factors, which start at 0: equal shares.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(CAT(x) - x)``. ``gain=None`` leaves g
    out; it then scales features by about a half.

    Cost: 2C·h + h + C + 57 parameters with h = C/r (+ C gains): 2 241 (+128) and fewer than 0.001 GMACs at 128@80x80;
    the two softmaxes of the whole map cost more time than those.

    Args:
        channels: Channels C.
        reduction: Ratio r of the MLP's width; the hidden layer has C/r values, rounded down, at least 1.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same. Entropies are computed in float32.
    """

    def __init__(self, channels: int, reduction: Reduction = 16, gain: Gain | None = 0.0) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.largest = math.log(max(2, channels))  # entropy across channels
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.conv = nn.Conv2d(1, 1, 7, padding=3, bias=False)
        self.channel_factors = nn.Parameter(torch.zeros(3))
        self.spatial_factors = nn.Parameter(torch.zeros(3))
        self.outer_factors = nn.Parameter(torch.zeros(2))
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x``."""
        outer = self.outer_factors.float().softmax(0)
        y = x * (outer[0] * self._channel_gate(x) + outer[1] * self._spatial_gate(x)).to(x.dtype)
        return self.gain(x, y)

    def views(self, x: Tensor) -> Iterator[View]:
        """The two gates, each with its share."""
        outer = self.outer_factors.float().softmax(0)
        yield Heat("gate of positions", outer[1] * self._spatial_gate(x))
        yield Bars("gates of channels", (outer[0] * self._channel_gate(x)).flatten(1))

    def _channel_gate(self, x: Tensor) -> Tensor:
        """A_c: (B, C, 1, 1) in float32."""
        flat = x.flatten(2)  # (B, C, H·W)
        positions = torch.ones_like(flat[:1, :1]).float().sum().log()  # not from x.shape, which tracing would bake in
        spread = entropy(flat, 2) / positions.clamp(min=math.log(2))
        pools = torch.stack([flat.mean(2), flat.amax(2), spread.to(x.dtype)], dim=1)  # (B, 3, C)
        shares = self.channel_factors.float().softmax(0)[:, None]
        gate: Tensor = (self.mlp(pools).float() * shares).sum(1).sigmoid()  # (B, C)
        return gate[:, :, None, None]

    def _spatial_gate(self, x: Tensor) -> Tensor:
        """A_s: (B, 1, H, W) in float32."""
        spread = entropy(x, 1) / self.largest
        shares = self.spatial_factors.float().softmax(0)
        pooled = shares[0] * x.mean(1).float() + shares[1] * x.amax(1).float() + shares[2] * spread  # (B, H, W)
        gate: Tensor = self.conv(pooled.unsqueeze(1).to(x.dtype)).float().sigmoid()
        return gate


def entropy(x: Tensor, axis: int) -> Tensor:
    """Entropy of the softmax along an axis, in float32."""
    logs = log_softmax(x.float(), axis)
    return -(logs.exp() * logs).sum(axis)
