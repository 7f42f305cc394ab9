# SPDX-License-Identifier: AGPL-3.0-or-later
"""SK: convolutions of several sizes side by side, each channel choosing among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import divisor, require
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.pooled_conv import PooledConv
from yolo_fine.layers.views import Bars, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Odds, Positive

PAPER = "https://arxiv.org/abs/1903.06586"
MOST_GROUPS = 32


@block(inputs=1, out="same", kind="conv", paper=PAPER, aliases=("SKConv", "SKAttention", "SelectiveKernel", "SKNet"))
class SK(nn.Module):
    """Selective kernel convolution: ``Σ_i a_i·U_i``, where for each channel the weights a_i add up to 1.

    "Selective Kernel Networks", CVPR 2019 (arXiv 1903.06586), after timm's code; it reproduces that code's tensors.

    1. ``U_i = ReLU(BN(Conv_i(x)))``, one path for each kernel, all grouped. A kernel of 5 is one of 3 with dilation 2.
    2. s is the mean over all positions of the sum of the paths; ``z = ReLU(BN(W₁ s))`` has ``max(C/r, smallest)``
       numbers.
    3. One 1x1 convolution of z for each path gives its logits; their softmax runs across the paths.

    Defaults are the paper's; timm's are ``groups=1, split=True, smallest=8``. In training with one image the single
    cell has no statistics: there, and only there, the batch norm of z uses its running ones (ours).

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(SK(x) - x)``. ``gain=None`` is the
    paper's form, which does not correlate with the input. The gain is ours.

    Cost: 22 080 parameters (+ C gains) and 0.059 GMACs at 128@80x80; 151 056 and 0.944 in timm's form.

    Args:
        channels: Channels C.
        kernels: Side of each path's convolution, odd; two or more.
        groups: Groups of the convolutions, a divisor of C; None is the largest one up to 32.
        split: Give each path its own part of the channels instead of all of them.
        dilate: Make kernels above 3 by dilation; otherwise they are full.
        reduction: Ratio r.
        smallest: Smallest width of z.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self,
        channels: int,
        kernels: Odds = (3, 5),
        groups: Positive | None = None,
        *,
        split: bool = False,
        dilate: bool = True,
        reduction: Positive = 16,
        smallest: Positive = 32,
        gain: Gain | None = 0.0,
    ) -> None:
        super().__init__()
        paths = len(kernels)
        require(self, paths > 1, "kernels", kernels, "two odd numbers from 3 or more")
        require(self, not split or channels % paths == 0, "split", split, f"False: {channels} channels, {paths} paths")
        self.split = split
        each = channels // paths if split else channels
        groups = divisor(self, "groups", groups, each, MOST_GROUPS)
        self.paths = nn.ModuleList(
            Conv(each, channels, 3, g=groups, d=kernel // 2, act=nn.ReLU())
            if dilate
            else Conv(each, channels, kernel, g=groups, act=nn.ReLU())
            for kernel in kernels
        )
        self.squeeze = PooledConv(channels, max(channels // reduction, smallest), nn.ReLU())
        self.select = nn.Conv2d(self.squeeze.conv.out_channels, paths * channels, 1, bias=False)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, and select among the paths."""
        maps = self._convolved(x)
        weights = self._weights(maps)
        y = maps[0] * weights[:, 0]
        for i, one in enumerate(maps[1:], start=1):
            y = torch.addcmul(y, one, weights[:, i])
        return self.gain(x, y)

    def views(self, x: Tensor) -> Iterator[View]:
        """How much of each path is taken, channels averaged."""
        shares = self._weights(self._convolved(x)).flatten(2).mean(2)
        yield Bars(
            "share of each path", shares, tuple(f"path {i}" for i in range(shares.shape[1])), 1 / shares.shape[1]
        )

    def _convolved(self, x: Tensor) -> list[Tensor]:
        """The output of each path, (B, C, H, W)."""
        parts = x.chunk(len(self.paths), dim=1) if self.split else [x] * len(self.paths)
        return [path(part) for path, part in zip(self.paths, parts, strict=True)]

    def _weights(self, maps: Sequence[Tensor]) -> Tensor:
        """Weights of the n paths for each channel, (B, n, C, 1, 1)."""
        mean = sum(one.mean((2, 3), keepdim=True) for one in maps)  # the maps' sum is not made: means are small
        logits = torch.unflatten(self.select(self.squeeze(mean)).float(), 1, (len(maps), -1))
        return logits.softmax(1).to(maps[0].dtype)
