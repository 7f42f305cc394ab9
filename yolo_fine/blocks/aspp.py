# SPDX-License-Identifier: AGPL-3.0-or-later
"""ASPP in a light form: one look at each distance, and one at the whole map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.pooled_conv import PooledConv
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, MultipleOf4, Rates

PAPER = "https://arxiv.org/abs/1706.05587"


@block(inputs=1, out="same", kind="context", paper=PAPER, origin="reconstruction", aliases=("ASPP",))
class ASPPLite(nn.Module):
    """Atrous spatial pyramid pooling with depthwise convolutions and small rates.

    RECONSTRUCTION after "Rethinking Atrous Convolution for Semantic Image Segmentation" (arXiv 1706.05587): its
    branches have full 3x3 convolutions of rates 6, 12, 18. Width, rates and depthwise form are ours, for a neck:

    * a 1x1 convolution to C/4;
    * for each rate a 1x1 convolution to C/4, then a depthwise 3x3 convolution of that dilation;
    * the mean over the map, 1x1 to C/4, the same at every position;
    * ``block = Conv1x1(concat; to C)``.

    A batch norm and the model's activation follow each convolution. The 1x1 convolutions that read the map are one.
    In training with one image the mean has no statistics: there, and only there, its norm uses the running ones.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``.

    Cost: 42 592 parameters (+ C gains), 0.241 GMACs at 128@80x80.

    Args:
        channels: Channels C, divisible by 4.
        dilations: The rates.
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: MultipleOf4, dilations: Rates = (1, 2, 4), gain: Gain | None = 0.0) -> None:
        super().__init__()
        hidden = channels // 4
        self.entry = Conv(channels, hidden * (1 + len(dilations)), 1)
        self.branches = nn.ModuleList(Conv(hidden, hidden, 3, g=hidden, d=rate) for rate in dilations)
        self.pooled = PooledConv(channels, hidden)
        self.merge = Conv(hidden * (2 + len(dilations)), channels, 1)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Add context to ``x``."""
        near, *entries = self.entry(x).chunk(1 + len(self.branches), dim=1)  # each (B, C/4, H, W)
        far = [branch(entry) for branch, entry in zip(self.branches, entries, strict=True)]
        whole = self.pooled(x.mean((2, 3), keepdim=True)).expand_as(near)  # (B, C/4, 1, 1) -> (B, C/4, H, W)
        y = self.merge(torch.cat([near, *far, whole], dim=1))
        return self.gain(x, y)
