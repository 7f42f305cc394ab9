# SPDX-License-Identifier: AGPL-3.0-or-later
"""CBAM as published: channel attention from mean and maximum, then spatial attention from maximum and mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Conv


class CBAM(nn.Module):
    """Convolutional block attention (arXiv 1807.06521, section 3), the authors' code.

    Channel gate ``σ(MLP(mean) + MLP(max))`` with one shared MLP; then the spatial gate
    ``σ(BN(Conv7x7([max over channels, mean over channels])))``. The module of the same name in Ultralytics has neither
    the maximum branch, nor the MLP, nor the norm.

    At init: not an identity (it scales features by about 0.27); blocks that hold it add a gain.

    Cost: 2C²/r + C/r + C + 100 parameters: 2 284 at C = 128.

    Args:
        channels: Channels C.
        reduction: Ratio r of the MLP's width.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.spatial = Conv(2, 1, 7, act=False)
        self.spatial.bn.momentum = 0.01

    def forward(self, x: Tensor) -> Tensor:
        """Gate channels, then positions."""
        channel = (self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))).sigmoid()
        x = x * channel.to(x.dtype)[:, :, None, None]
        pooled = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], dim=1)
        return x * self.spatial(pooled).sigmoid().to(x.dtype)
