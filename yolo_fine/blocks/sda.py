# SPDX-License-Identifier: AGPL-3.0-or-later
"""SDA: maps of several depths, each channel weighed across them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from yolo_fine.layers.equal_maps import projection, require_equal_sizes
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.pooled_conv import PooledConv
from yolo_fine.layers.views import Bars, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive


@block(inputs="n", out="first", kind="fuse", paper="https://arxiv.org/abs/2209.10327")
class SDA(nn.Module):
    """Selective depth attention: ``ReLU(Σ_i a_i·Z_i)``, where for each channel the weights a_i add up to 1.

    "SDA-xNet: Selective Depth Attention Networks for Adaptive Multi-scale Feature Representation" (arXiv 2209.10327),
    the authors' code, where the maps Z_i are the outputs of the blocks of a stage:

    1. u is the mean over all positions of the sum of the maps.
    2. ``v = ReLU(BN(Conv1x1(u)))`` with ``max(C/r, smallest)`` numbers.
    3. One 1x1 convolution of v for each map gives its logits; their softmax runs across the maps.

    In training with one image the single cell has no statistics: there, and only there, the batch norm uses its
    running ones (ours; the authors' code raises an error). Maps of other channels than the first are projected by a 1x1
    convolution with batch norm (ours), so that the block can stand where Concat stood.

    At init: no identity; near the ReLU of the mean of the maps. With ``gain=0.0`` the output equals the first map to
    the bit: ``x0 + g·(SDA - x0)``. The gain is ours.

    Cost: ``C·m + 2m + n·(C·m + C)`` parameters for n maps, with m numbers in v: 24 960 for two at 128 channels, and
    fewer than 0.001 GMACs; a projection adds ``c_i·C + 2C``.

    Args:
        channels: Channels of the maps; the output has those of the first, C.
        reduction: Ratio r.
        smallest: Smallest width of v.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: n maps (B, c_i, H, W); output (B, C, H, W).

    Raises:
        BlockArgumentError: The maps differ in size.
    """

    def __init__(
        self, channels: Sequence[int], reduction: Positive = 16, smallest: Positive = 64, *, gain: Gain | None = None
    ) -> None:
        super().__init__()
        width = channels[0]
        hidden = max(width // reduction, smallest)
        self.projections = nn.ModuleList(projection(c, width) for c in channels)
        self.squeeze = PooledConv(width, hidden, nn.ReLU())
        self.weigh = nn.Conv2d(hidden, len(channels) * width, 1)
        self.act = nn.ReLU()
        self.gain = ResidualGain(width, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Select among the maps."""
        require_equal_sizes(self, x)
        maps = [project(one).to(x[0].dtype) for project, one in zip(self.projections, x, strict=True)]
        weights = self._weights(maps).to(x[0].dtype)
        y = maps[0] * weights[:, 0]
        for i, one in enumerate(maps[1:], start=1):
            y = torch.addcmul(y, one, weights[:, i])
        y = self.act(y)
        return self.gain(x[0], y)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """What each map counts, in the mean of the channels."""
        maps = [project(one) for project, one in zip(self.projections, x, strict=True)]
        shares = self._weights(maps).mean((2, 3, 4))
        yield Bars("weights of the maps", shares, tuple(f"map {i}" for i in range(len(x))))

    def _weights(self, maps: Sequence[Tensor]) -> Tensor:
        """A weight a map and channel: (B, n, C, 1, 1), in float32."""
        mean = sum(one.mean((2, 3), keepdim=True) for one in maps)  # the maps' sum is not made: means are small
        logits = self.weigh(self.squeeze(mean))
        logits = torch.unflatten(logits.float(), 1, (len(maps), -1))  # (B, n·C, 1, 1) -> (B, n, C, 1, 1)
        return logits.softmax(1)
