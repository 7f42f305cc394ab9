# SPDX-License-Identifier: AGPL-3.0-or-later
"""LSCM: a map gated by what a few of its own pooled cells have in common."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from yolo_fine.layers.cell_gates import ChannelGate, PositionGate
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.pooling import pool_to_grid
from yolo_fine.layers.views import Bars, Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, Reduction


@block(inputs=1, out="same", kind="refine", paper="https://arxiv.org/abs/2209.13933", aliases=("LSAM",))
class LSCM(nn.Module):
    """LSCM of DPNet: ``x·c + x·s``, a gate c per channel and a gate s per position.

    "DPNet: Dual-Path Network for Real-time Object Detection with Lightweight Attention" (arXiv 2209.13933). The paper's
    text could not be read; the steps are those of the authors' code (its class LSAM_Pyramid2).

    1. The map is pooled to p² cells; a 1x1 convolution makes of each a value (m = C/r numbers), a query (one number)
       and a key (m numbers).
    2. ``c = σ(LayerNorm(W(Σ_cells value·query)))``.
    3. ``s = σ(Σ_cells w·⟨key, V x⟩ + b)`` at every position.

    The authors pool with a window that is fixed by one input size; ours is the same for that size and follows the map
    (see :func:`yolo_fine.layers.pooling.pool_to_grid`), in ONNX too. In step 3 the cells are summed and V is applied
    before the map is touched, which is exact and m times cheaper.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(LSCM(x) - x)``. ``gain=None`` is the
    paper's form without g (two gates of about 0.5). The gain is ours.

    Cost: 4Cm + 4C + 3m + p² + 2 parameters (+ C gains): 8 779 (+128) and 0.001 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        cells: Cells p a side.
        reduction: Ratio r; m is C/r, rounded down, at least 1.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same. On a side shorter than p every cell is the mean of the whole side.
    """

    def __init__(self, channels: int, cells: Positive = 5, reduction: Reduction = 8, gain: Gain | None = 0.0) -> None:
        super().__init__()
        narrow = max(1, channels // reduction)
        self.cells, self.widths = cells, [narrow, 1, narrow]
        self.vqk = nn.Conv2d(channels, sum(self.widths), 1)
        self.channel = ChannelGate(narrow, channels)
        self.position = PositionGate(channels, narrow, cells**2)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x``."""
        channel, position = self._gates(x)
        y = x * (channel.to(x.dtype) + position.to(x.dtype))
        return self.gain(x, y)

    def views(self, x: Tensor) -> Iterator[View]:
        """The two gates, whose sum is the factor."""
        channel, position = self._gates(x)
        yield Heat("gate of positions", position)
        yield Bars("gates of channels", channel.flatten(1))

    def _gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, 1, 1) and (B, 1, H, W)."""
        pooled = pool_to_grid(x, self.cells)  # (B, C, H, W) -> (B, C, p, p)
        value, query, key = self.vqk(pooled).flatten(2).split(self.widths, dim=1)  # (B, m or 1, p²)
        return self.channel(value, query), self.position(x, key)
