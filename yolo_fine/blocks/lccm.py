# SPDX-License-Identifier: AGPL-3.0-or-later
"""LCCM: a map gated by what its pooled cells and those of the neighbouring level have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.cell_gates import ChannelGate, PositionGate
from yolo_fine.layers.checks import doubles, require_sizes
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.pooling import pool_to_grid
from yolo_fine.layers.views import Bars, Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, Reduction

PAPER = "https://arxiv.org/abs/2209.13933"


@block(inputs=("high", "low"), out="low", kind="fuse", paper=PAPER, strides=(2, 1), aliases=("LCAM", "LCAM_TD"))
class LCCM(nn.Module):
    """Top-down LCCM of DPNet: ``low·(c + s + 1)``, gates made with the coarser map.

    "DPNet: Dual-Path Network for Real-time Object Detection with Lightweight Attention" (arXiv 2209.13933). The paper's
    text could not be read; the steps are those of the authors' code (its class
    LCAM_Pyramid2_avgpool_TD). Both maps are pooled to p² cells (see :class:`LSCM`); 1x1 convolutions make values and
    keys (m = c_low/r numbers each) of the coarse cells and a query (one number) of the fine ones.
    ``c = σ(LayerNorm(W(Σ_cells value·query)))`` per channel, ``s = σ(Σ_cells w·⟨key, V low⟩ + b)`` per position.

    No content of ``high`` reaches the output, only gates: a Concat behind it still fuses the two maps. ``high`` may
    have any size. The authors' maps have equal channels; ours need not, without further weights.

    At init: with ``gain=0.0`` the output equals ``low`` to the bit: ``low + g·(LCCM - low)``. ``gain=None`` is the
    paper's form without g (it doubles ``low``, about). The gain is ours.

    Cost: 2m(c_high + c_low) + 4·c_low + 3m + p² + 2 parameters (+ c_low gains): 8 779 (+128) and
    0.001 GMACs at 128@40x40 and 128@80x80.

    Args:
        c_high: Channels of ``high``.
        c_low: Channels of ``low``.
        cells: Cells p a side.
        reduction: Ratio r; m is c_low/r, rounded down, at least 1.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: [high (B, c_high, any, any), low (B, c_low, H, W)]; output as ``low``.
    """

    def __init__(
        self, c_high: int, c_low: int, cells: Positive = 5, reduction: Reduction = 8, gain: Gain | None = 0.0
    ) -> None:
        super().__init__()
        narrow = max(1, c_low // reduction)
        self.cells = cells
        self.value_key = nn.Conv2d(c_high, 2 * narrow, 1)
        self.query = nn.Conv2d(c_low, 1, 1)
        self.channel = ChannelGate(narrow, c_low)
        self.position = PositionGate(c_low, narrow, cells**2)
        self.gain = ResidualGain(c_low, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Gate ``low``, the second of the two maps."""
        channel, position = self._gates(x)
        low = x[1]
        y = low * (channel.to(low.dtype) + 1 + position.to(low.dtype))
        return self.gain(low, y)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """The two gates, which are added to 1."""
        channel, position = self._gates(x)
        yield Heat("gate of positions", position, neutral=0.0)
        yield Bars("gates of channels", channel.flatten(1), neutral=0.0)

    def _gates(self, x: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(B, c_low, 1, 1) and (B, 1, H, W)."""
        high, low = x
        pooled = pool_to_grid(high, self.cells)  # (B, c_high, p, p)
        value, key = self.value_key(pooled).flatten(2).chunk(2, dim=1)  # each (B, m, p²)
        channel = self.channel(value, self.query(pool_to_grid(low, self.cells)).flatten(2))
        return channel, self.position(low, key)


@block(inputs=("high", "low"), out="high", kind="fuse", paper=PAPER, strides=(1, 0.5), aliases=("LCAM_BU",))
class LCCMBottomUp(nn.Module):
    """Bottom-up LCCM of DPNet: ``high·(c + s + 1)``, gates made with the finer map.

    "DPNet: Dual-Path Network for Real-time Object Detection with Lightweight Attention" (arXiv 2209.13933). The paper's
    text could not be read; the steps are those of the authors' code (its class
    LCAM_Pyramid2_avgpool_BU). As :class:`LCCM`, but the coarse map is gated. The products of all keys with every fine
    position are p² maps, which a 5x5 convolution of stride 2 (batch norm, SiLU) makes one of the coarse
    size before its sigmoid.

    At init: with ``gain=0.0`` the output equals ``high`` to the bit: ``high + g·(LCCMBottomUp - high)``. ``gain=None``
    is the paper's form without g (it doubles ``high``, about). The gain is ours.

    Cost: 9 380 parameters (+ c_high gains) and 0.017 GMACs at 128@40x40 and 128@80x80.

    Args:
        c_high: Channels of ``high``.
        c_low: Channels of ``low``.
        cells: Cells p a side.
        reduction: Ratio r; values and keys have c_high/r numbers, rounded down, at least 1.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: [high (B, c_high, H, W), low (B, c_low, 2H, 2W)], odd sizes rounded up as stride-2 convolutions do; output
        as ``high``.

    Raises:
        BlockArgumentError: ``low`` has not twice the size of ``high``.
    """

    def __init__(
        self, c_high: int, c_low: int, cells: Positive = 5, reduction: Reduction = 8, gain: Gain | None = 0.0
    ) -> None:
        super().__init__()
        narrow = max(1, c_high // reduction)
        self.cells = cells
        self.value_key = nn.Conv2d(c_high, 2 * narrow, 1)
        self.query = nn.Conv2d(c_low, 1, 1)
        self.channel = ChannelGate(narrow, c_high)
        self.pixel = nn.Conv2d(c_low, narrow, 1)
        self.down = Conv(cells**2, 1, 5, 2)
        self.down.bn.eps, self.down.bn.momentum = 1e-3, 0.03
        self.gain = ResidualGain(c_high, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Gate ``high``, the first of the two maps."""
        high, low = x
        fits = doubles(high, low)
        require_sizes(self, fits, "'low' must have twice the height and width of 'high'", high=high, low=low)
        pooled = pool_to_grid(high, self.cells)  # (B, c_high, p, p)
        value, key = self.value_key(pooled).flatten(2).chunk(2, dim=1)  # each (B, m, p²)
        channel = self.channel(value, self.query(pool_to_grid(low, self.cells)).flatten(2))
        logits = key.transpose(1, 2) @ self.pixel(low).flatten(2)  # (B, p², m) @ (B, m, 2H·2W)
        position = self.down(logits.reshape(low.shape[0], -1, low.shape[2], low.shape[3]))
        y = high * (channel.to(high.dtype) + 1 + position.sigmoid().to(high.dtype))
        return self.gain(high, y)
