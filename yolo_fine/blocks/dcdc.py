# SPDX-License-Identifier: AGPL-3.0-or-later
"""DCDC: a depthwise convolution whose kernels are predicted, per position and per image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Odd, Positive


@block(inputs=1, out="same", kind="conv", paper="https://arxiv.org/abs/2211.06163", origin="reconstruction")
class DCDC(nn.Module):
    """Sum of a convolution that varies with the position and one that varies with the image.

    RECONSTRUCTION. "Dual Complementary Dynamic Convolution for Image Recognition" (arXiv 2211.06163) published no code
    and its text could not be read. Known is the sum of two branches with predicted kernels: LSA, a kernel for each
    position, and GSI, one kernel for each image, the same at all positions. Their forms are ours, both depthwise:

    * LSA is an involution: 1x1 convolution to C/4, batch norm, ReLU, 1x1 convolution to k² weights for each group of
      channels, at each position.
    * GSI: mean over positions, linear to C/4, ReLU, linear to k² weights for each channel.

    Both are applied in one pass over the k² shifted views of the map, padded by zeros.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(DCDC(x) - x)``. ``gain=None`` leaves g
    out; the output then hardly correlates with the input.

    Cost: 2C·h + 3h + (h+1)·k²·(G + C) parameters with h = C/4 and G groups (+ C gains): 48 680 (+128) and 0.041 GMACs
    at 128@80x80 with k = 3, plus 2k² products for each value of the map.

    Args:
        channels: Channels C.
        kernel: Side k of the kernels, odd.
        groups: Groups G of channels with one kernel a position, a divisor of C. None takes 16 channels a group (or the
            next larger divisor).
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, kernel: Odd = 3, groups: Positive | None = None, gain: Gain | None = 0.0) -> None:
        super().__init__()
        groups = divisor(self, "groups", groups, channels, channels // 16)
        hidden = max(1, channels // 4)
        self.kernel, self.groups = kernel, groups
        self.local = nn.Sequential(Conv(channels, hidden, 1, act=nn.ReLU()), nn.Conv2d(hidden, groups * kernel**2, 1))
        self.shared = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels * kernel**2))
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``x`` with kernels made from it."""
        batch, channels, height, width = x.shape
        taps, split = self.kernel**2, (self.groups, channels // self.groups)
        # One kernel a position, k² of (B, G, 1, H, W), and one an image, k² of (B, G, C/G, 1, 1).
        local = self.local(x).to(x.dtype).reshape(batch, self.groups, taps, height, width).split(1, dim=2)
        shared = self.shared(x.mean((2, 3))).to(x.dtype).reshape(batch, *split, taps, 1).split(1, dim=3)
        reach = self.kernel - 1
        padded = torch.unflatten(F.pad(x, [self.kernel // 2] * 4), 1, split)
        y = torch.unflatten(torch.zeros_like(x), 1, split)  # (B, G, C/G, H, W)
        for tap in range(taps):
            row, column = divmod(tap, self.kernel)  # constants as bounds keep exported graphs free of sizes
            view = padded[..., row : row - reach or None, column : column - reach or None]
            y = torch.addcmul(y, view, local[tap] + shared[tap])
        y = y.flatten(1, 2)
        return self.gain(x, y)
