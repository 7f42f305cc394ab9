# SPDX-License-Identifier: AGPL-3.0-or-later
"""EMA: gates from pooled rows and columns, and from the agreement of two branches across space."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.views import Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction

PAPER = "https://arxiv.org/abs/2305.13563"


@block(inputs=1, out="same", kind="refine", paper=PAPER, aliases=("EMAttention", "EMAAttention", "EMAModule"))
class EMA(nn.Module):
    """Efficient multi-scale attention with cross-spatial learning.

    "Efficient Multi-Scale Attention Module with Cross-Spatial Learning", ICASSP 2023 (arXiv 2305.13563), the authors'
    code. The channels are cut into groups of n = C/factor, each treated alike:

    1. Branch 1: means over rows and over columns through one shared 1x1 convolution gate the group; group norm with
       one group per channel.
    2. Branch 2: a 3x3 convolution of the group.
    3. The softmax (over the n channels) of each branch's mean weighs the other branch's channels; the sum of both
       is one map per group, whose sigmoid gates the group.

    The mean of branch 1 is the bias of its norm, exactly, so it is not computed.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(EMA(x) - x)``. ``gain=None`` is the
    paper's form without g (it scales features by about 0.5). The gain is ours.

    Cost: 10n²+4n parameters (+ C gains): 2 624 (+128) and 0.12 GMACs at 128@80x80 with factor 8.

    Args:
        channels: Channels C.
        factor: Number of groups, a divisor of C. None takes 16 channels a group (or the next larger divisor); the
            authors' default is 32 groups, which leaves 2 to 4 channels a group at the widths of small YOLOs.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, factor: Reduction | None = None, gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.width = channels // divisor(self, "factor", factor, channels, channels // 16)
        self.conv1x1 = nn.Conv2d(self.width, self.width, 1)
        self.conv3x3 = nn.Conv2d(self.width, self.width, 3, padding=1)
        self.gn = nn.GroupNorm(self.width, self.width)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x``."""
        batch, channels, height, width = x.shape
        group = x.reshape(-1, self.width, height, width)  # (B, C, H, W) -> (B·factor, n, H, W)
        y = (group * self._gate(group)).reshape(batch, channels, height, width)
        return self.gain(x, y)

    def views(self, x: Tensor) -> Iterator[View]:
        """The gate of positions, in the mean of the groups."""
        gate = self._gate(x.reshape(-1, self.width, *x.shape[2:]))  # (B·factor, 1, H, W)
        yield Heat("gate of positions", gate.reshape(x.shape[0], -1, *x.shape[2:]), neutral=1.0)

    def _gate(self, group: Tensor) -> Tensor:
        """One gate map (B·factor, 1, H, W) for groups (B·factor, n, H, W)."""
        height, width = group.shape[2:]
        rows, columns = group.mean(3, keepdim=True), group.mean(2, keepdim=True).transpose(2, 3)
        both = torch.cat([rows, columns], dim=2)  # (B·factor, n, H + W, 1)
        rows, columns = self.conv1x1(both).sigmoid().split([height, width], dim=2)
        # Not through nn.GroupNorm's forward, which refuses single values; their norm is its bias.
        gated = group * rows * columns.transpose(2, 3)
        first = torch.group_norm(gated, self.width, self.gn.weight, self.gn.bias, self.gn.eps)
        second = self.conv3x3(group)
        weight_second = self.gn.bias.to(second.dtype).softmax(0).view(1, 1, -1)  # (1, 1, n)
        weight_first = second.mean((2, 3)).softmax(1).unsqueeze(1)  # (B·factor, 1, n)
        agreement: Tensor = weight_second @ second.flatten(2) + weight_first.to(first.dtype) @ first.flatten(2)
        return agreement.sigmoid().to(group.dtype).view(-1, 1, height, width)
