# SPDX-License-Identifier: AGPL-3.0-or-later
"""RFB: branches whose kernels and dilations grow together, like receptive fields with eccentricity."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, MultipleOf8, Number

PAPER = "https://arxiv.org/abs/1711.07767"


@block(inputs=1, out="same", kind="context", paper=PAPER, aliases=("BasicRFB", "RFBBlock"))
class RFB(nn.Module):
    """Receptive field block: three dilated branches, scaled down and added to a 1x1 shortcut.

    "Receptive Field Block Net for Accurate and Fast Object Detection", ECCV 2018 (arXiv 1711.07767), the authors'
    basic block. With i = C/8 and a batch norm after each convolution:

    1. 1x1 to 2i; 3x3 of dilation 1.
    2. 1x1 to i; 3x3 to 2i; 3x3 of dilation 2.
    3. 1x1 to i; 3x3 to 1.5i; 3x3 to 2i; 3x3 of dilation 3.

    ``block = ReLU(scale · Conv1x1(concat) + Conv1x1(x))``. ReLU follows each convolution but the dilated ones and the
    two of the last line. The authors' batch norms have a momentum of 0.01; inside a YOLO they get Ultralytics' 0.03.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``. ``gain=None`` is the
    paper's form, whose output hardly correlates with the input. The gain is ours.

    Cost: 80 496 parameters (+ C gains) and 0.509 GMACs at 128@80x80.

    Args:
        channels: Channels C, divisible by 8.
        scale: Factor of the branches.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: MultipleOf8, scale: Number = 0.1, gain: Gain | None = 0.0) -> None:
        super().__init__()
        i, relu = channels // 8, nn.ReLU()
        self.scale = float(scale)
        self.branches = nn.ModuleList(
            [
                nn.Sequential(Conv(channels, 2 * i, 1, act=relu), Conv(2 * i, 2 * i, 3, act=False)),
                nn.Sequential(
                    Conv(channels, i, 1, act=relu),
                    Conv(i, 2 * i, 3, act=relu),
                    Conv(2 * i, 2 * i, 3, d=2, act=False),
                ),
                nn.Sequential(
                    Conv(channels, i, 1, act=relu),
                    Conv(i, 3 * i // 2, 3, act=relu),
                    Conv(3 * i // 2, 2 * i, 3, act=relu),
                    Conv(2 * i, 2 * i, 3, d=3, act=False),
                ),
            ]
        )
        self.merge = Conv(6 * i, channels, 1, act=False)
        self.shortcut = Conv(channels, channels, 1, act=False)
        self.act = relu
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Add context to ``x``."""
        context = self.merge(torch.cat([branch(x) for branch in self.branches], dim=1))  # (B, 6i, H, W) -> (B, C, H, W)
        y = self.act(self.shortcut(x) + self.scale * context)
        return self.gain(x, y)
