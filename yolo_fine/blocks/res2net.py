# SPDX-License-Identifier: AGPL-3.0-or-later
"""Res2Net: a residual bottleneck whose 3x3 convolutions follow one another on slices of the channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import require
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, Scale

PAPER = "https://arxiv.org/abs/1904.01169"


@block(inputs=1, out="same", kind="conv", paper=PAPER, aliases=("Bottle2neck", "Res2NetBlock", "Res2NetBottleneck"))
class Res2Net(nn.Module):
    """Res2Net's bottleneck: receptive fields of several sizes inside one block.

    "Res2Net: A New Multi-scale Backbone Architecture" (arXiv 1904.01169), written from the formula. A 1x1 convolution
    makes s slices of w = ⌊C/4 · base_width/64⌋ channels each. The first goes through a 3x3 convolution; each next one
    through its own 3x3 convolution after the result before it was added; the last passes as it is. A 1x1 convolution
    of their concatenation is added to the input, then ReLU. Batch norm and ReLU follow each convolution, but for the
    ReLU after the last.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(Res2Net(x) - x)``. ``gain=None`` is the
    paper's form without g, which ends in a ReLU. The gain is ours.

    Cost: 2C·s·w + 9(s-1)·w² + 2s·w + 2(s-1)·w + 2C parameters (+ C gains): 18 313 (+128) and 0.114 GMACs at 128@80x80.

    Args:
        channels: Channels C; the paper's ``planes`` are C/4, rounded down.
        scale: Number s of slices.
        base_width: Width of a slice where the paper's planes are 64.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, scale: Scale = 4, base_width: Positive = 26, gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.width = channels // 4 * base_width // 64
        least = f"large enough for a channel a slice: {channels} channels give {self.width}"
        require(self, self.width > 0, "base_width", base_width, least)
        self.enter = Conv(channels, scale * self.width, 1, act=nn.ReLU())
        self.slices = nn.ModuleList(Conv(self.width, self.width, 3, act=nn.ReLU()) for _ in range(scale - 1))
        self.leave = Conv(scale * self.width, channels, 1, act=False)
        self.act = nn.ReLU()
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve slice after slice."""
        *slices, last = self.enter(x).split(self.width, dim=1)  # s slices (B, w, H, W)
        done = [self.slices[0](slices[0])]
        for convolve, one in zip(self.slices[1:], slices[1:], strict=True):
            done.append(convolve(one + done[-1]))
        y = self.act(x + self.leave(torch.cat([*done, last], dim=1)))
        return self.gain(x, y)
