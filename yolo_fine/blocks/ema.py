# SPDX-License-Identifier: AGPL-3.0-or-later
"""EMA: gates from pooled rows and columns, and from the agreement of two branches across space."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.plainly import computes_plainly
from yolo_fine.layers.tracing import is_tracing
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

    The mean of branch 1 is the bias of its norm, exactly, so it is not computed. Of branch 2 only its mean and one
    weighed sum of its channels are needed, which are a product of means and a convolution to one channel: on a CPU in
    float32, and in exports, no map of the 3x3 convolution is computed.

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
        row_gates, column_gates = self.conv1x1(both).sigmoid().split([height, width], dim=2)
        column_gates = column_gates.transpose(2, 3)
        weight_second = self.gn.bias.softmax(0)  # (n,): the mean of branch 1 is the bias of its norm
        if is_tracing() or computes_plainly(group):
            mean_second = conv3x3_mean(group, rows.flatten(2), columns.flatten(2), self.conv3x3)
            second = conv3x3_to_one(group, weight_second, self.conv3x3)
            first = self._first(group, row_gates, column_gates, mean_second.softmax(1))
            agreement = first + second  # (B·factor, H·W)
        else:
            # Not through nn.GroupNorm's forward, which refuses single values; their norm is its bias.
            normed = torch.group_norm(
                group * row_gates * column_gates, self.width, self.gn.weight, self.gn.bias, self.gn.eps
            )
            maps = self.conv3x3(group)
            weight_first = maps.mean((2, 3)).softmax(1).unsqueeze(1)  # (B·factor, 1, n)
            weight_second = weight_second.to(maps.dtype).view(1, 1, -1)
            agreement = weight_second @ maps.flatten(2) + weight_first.to(normed.dtype) @ normed.flatten(2)
        return agreement.sigmoid().to(group.dtype).view(-1, 1, height, width)

    def _first(self, group: Tensor, rows: Tensor, columns: Tensor, weights: Tensor) -> Tensor:
        """Branch 1, its channels weighed by (B·factor, n): (B·factor, H·W)."""
        if torch.is_grad_enabled() or is_tracing():
            gated = group * rows * columns
            normed = torch.group_norm(gated, self.width, self.gn.weight, self.gn.bias, self.gn.eps)
            return (weights.unsqueeze(1) @ normed.flatten(2)).squeeze(1)
        # The norm only scales and shifts channels, so it goes into their weights: no normed maps are written.
        gated = (group * rows).mul_(columns).flatten(2)
        gated -= gated.mean(2, keepdim=True)
        variance = torch.linalg.vector_norm(gated, dim=2).square() / gated.shape[2]  # (B·factor, n)
        scales = weights * self.gn.weight * torch.rsqrt(variance + self.gn.eps)
        return (scales.unsqueeze(1) @ gated).squeeze(1) + weights @ self.gn.bias.unsqueeze(1)


def conv3x3_to_one(group: Tensor, weights: Tensor, conv: nn.Conv2d) -> Tensor:
    """``weights @ conv(group)``, one map a group, without the n maps of the convolution: (N, n, H, W) to (N, H·W)."""
    size = group.shape[2:]
    taps = torch.einsum("o,ocyx->yxc", weights, conv.weight).reshape(9, -1)
    maps = taps.flip(0) @ group.flatten(2)  # (N, 9, H·W): one a tap, which are laid over each other, shifted back
    if is_tracing():  # not every opset has an operator for fold
        framed = F.pad(maps.unflatten(2, size), (1, 1, 1, 1))
        moved = framed[:, :1, 2:, 2:]
        for tap in range(1, 9):
            y, x = divmod(tap, 3)
            moved = moved + framed[:, tap : tap + 1, 2 - y : -y or None, 2 - x : -x or None]
    else:
        moved = F.fold(maps, size, 3, padding=1)  # (N, 1, H, W)
    assert conv.bias is not None
    return moved.flatten(1) + weights @ conv.bias


def conv3x3_mean(group: Tensor, rows: Tensor, columns: Tensor, conv: nn.Conv2d) -> Tensor:
    """``conv(group).mean((2, 3))`` from means: a tap sees all cells but a row and a column at the border.

    Args:
        group: (N, n, H, W).
        rows: Means of its rows, (N, n, H).
        columns: Means of its columns, (N, n, W).
        conv: From n to n channels, with a border of zeros.

    Returns:
        (N, n).
    """
    height, width = group.shape[2:]
    # The tap above never sees the last row, the one below never the first.
    beyond = torch.tensor([1.0, 0.0, 1.0], device=group.device)
    lost_rows = (rows[:, :, [-1, 0, 0]] * beyond).unsqueeze(3) / height
    lost_columns = (columns[:, :, [-1, 0, 0]] * beyond).unsqueeze(2) / width
    corners = group[:, :, [-1, 0, 0]][:, :, :, [-1, 0, 0]] * torch.outer(beyond, beyond) / (height * width)
    means = rows.mean(2)[:, :, None, None] - lost_rows - lost_columns + corners  # (N, n, 3, 3)
    assert conv.bias is not None
    return means.flatten(1) @ conv.weight.flatten(1).T + conv.bias
