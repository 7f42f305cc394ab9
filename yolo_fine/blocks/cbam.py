# SPDX-License-Identifier: AGPL-3.0-or-later
"""CBAM as published: channel attention from mean and maximum, then spatial attention from maximum and mean."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.views import Bars, Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction

PAPER = "https://arxiv.org/abs/1807.06521"


@block(inputs=1, out="same", kind="refine", paper=PAPER, aliases=("CBAMBlock", "CBAMFull", "CBAMAttention"))
class CBAM(nn.Module):
    """Convolutional block attention module.

    "CBAM: Convolutional Block Attention Module", ECCV 2018 (arXiv 1807.06521, section 3), the authors' code. Channel
    gate ``σ(MLP(mean) + MLP(max))`` with one shared MLP; then the spatial gate
    ``σ(BN(Conv7x7([max over channels, mean over channels])))``. Ultralytics has a module of the same name, which model
    YAMLs can't name: it has neither the maximum branch, nor the MLP, nor the norm.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(CBAM(x) - x)``. ``gain=None`` is the
    paper's form without g (it scales features by about 0.27). The gain is ours.

    Cost: 2C²/r + C/r + C + 100 parameters (+ C gains): 2 284 (+128) and 0.001 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        reduction: Ratio r of the MLP's width; the hidden layer has C/r values, rounded down, at least 1.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, reduction: Reduction = 16, gain: Gain | None = 0.0) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.spatial = Conv(2, 1, 7, act=False)
        self.spatial.bn.momentum = 0.01
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate channels, then positions."""
        y = x * self._channel_gate(x).to(x.dtype)[:, :, None, None]
        y = y * self._position_gate(y).to(x.dtype)
        return self.gain(x, y)

    def views(self, x: Tensor) -> Iterator[View]:
        """The two gates."""
        channel = self._channel_gate(x)
        yield Heat("gate of positions", self._position_gate(x * channel[:, :, None, None]), neutral=1.0)
        yield Bars("gates of channels", channel, neutral=1.0)

    def _channel_gate(self, x: Tensor) -> Tensor:
        """(B, C)."""
        gate: Tensor = (self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))).sigmoid()
        return gate

    def _position_gate(self, y: Tensor) -> Tensor:
        """(B, 1, H, W)."""
        pooled = torch.cat([y.amax(1, keepdim=True), y.mean(1, keepdim=True)], dim=1)  # (B, 2, H, W)
        gate: Tensor = self.spatial(pooled).sigmoid()
        return gate
