# SPDX-License-Identifier: AGPL-3.0-or-later
"""DWR: a regional residual, then dilated convolutions that read it at several distances."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, MultipleOf2


@block(inputs=1, out="same", kind="context", paper="https://arxiv.org/abs/2212.01173", origin="reconstruction")
class DWR(nn.Module):
    """Dilation-wise residual, in the form that YOLO forks use.

    RECONSTRUCTION after "DWRSeg: Rethinking Efficient Acquisition of Multi-scale Contextual Information for Real-time
    Semantic Segmentation" (arXiv 2212.01173); no code of the authors was found. This is the form that independent ports
    share: ``r = Conv3x3(x; to C/2)``; 3x3 convolutions of r with dilation 1 (to C), 3 and 5 (to C/2
    each); ``block = x + Conv1x1(concat; to C)``; batch norm and the model's activation after each convolution. The
    paper itself, as far as is known, has depthwise dilated convolutions there.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``.

    Cost: 254 848 parameters (+ C gains), 1.625 GMACs at 128@80x80.

    Args:
        channels: Channels C, an even number.
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: MultipleOf2, gain: Gain | None = 0.0) -> None:
        super().__init__()
        half = channels // 2
        self.region = Conv(channels, half, 3)
        self.near = Conv(half, channels, 3)
        self.middle = Conv(half, half, 3, d=3)
        self.far = Conv(half, half, 3, d=5)
        self.merge = Conv(2 * channels, channels, 1)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Add context to ``x``."""
        region = self.region(x)
        y = x + self.merge(torch.cat([self.near(region), self.middle(region), self.far(region)], dim=1))
        return self.gain(x, y)
