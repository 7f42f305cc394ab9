# SPDX-License-Identifier: AGPL-3.0-or-later
"""PST: the fine map attends to the coarse one, and then to the fine cells under the best coarse ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.cell_attention import attend
from yolo_fine.layers.checks import doubles, require, require_sizes
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, NotNegativeInteger, Positive

PAPER = "https://arxiv.org/abs/2505.12772"
HEAD = 32  # channels of a head
CLOSED = -4.0  # bias of a new gate: the output is that of coarse attention but for 2 %


@block(
    inputs=("high", "low"),
    out="low",
    kind="fuse",
    paper=PAPER,
    strides=(2, 1),
    aliases=("PyramidSparseTransformer", "PSAttnBlock"),
    quadratic=lambda arguments: 4,  # H·W cells of the fine map attend to H·W/4 of the coarse one
)
class PST(nn.Module):
    """Pyramid sparse transformer: cross-scale attention, coarse and (by ``top``) fine.

    "Pyramid Sparse Transformer: Enhancing Multi-Scale Feature Fusion with Dynamic Token Selection" (arXiv 2505.12772),
    the authors' code; it reproduces that code's tensors. Their order of inputs is ``[low, high]``.

    1. 1x1 convolutions bring both maps to c channels, c/32 heads.
    2. Layer by layer, the fine map t attends to all cells of the coarse map u by softmax, ``t + P(attention + pe)``;
       pe is a depthwise 7x7 convolution of the values, upsampled bilinearly. An MLP of two 1x1 convolutions follows.
    3. The fine map and the outputs of all layers, side by side, go through a 1x1 convolution.

    With ``top`` = k above 0, each layer and head also attends to the 4k fine cells under the k coarse cells of the
    highest mean score, and a gate mixes both. The authors draw noise for the choice in each call, also in eval mode, so
    two passes over one image differ; here the k best are taken, as their paper describes. Their gate is untrained after
    training without ``top`` (all their models); here it then does not exist, and a new one starts nearly closed.

    The attention is quadratic in cells. Instead of its scores, the mean of the queries tells the best coarse cells.

    At init: with ``gain=0.0`` the output equals ``low`` to the bit: ``low + g·(PST - low)``. ``gain=None`` is the
    paper's form, which does not correlate with ``low``. The gain is ours, and so is an output as wide as ``low``.

    Cost: 78 400 parameters (+ C gains) and 1.670 GMACs at high 256@40x40, low 128@80x80; 80 480 and 1.775 with
    ``top=8``.

    Args:
        c_high: Channels of ``high``.
        c_low: Channels C of ``low`` and of the output.
        top: Coarse cells k whose fine cells are attended to; 0 leaves that out.
        layers: Number of attention layers.
        mlp_ratio: Width of the MLP relative to c.
        hidden: Channels c, a multiple of 32; None is the one from 32 on that is not above C/2.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: [high (B, c_high, H/2, W/2), low (B, C, H, W)], odd sizes rounded up as stride-2 convolutions do (the last
        fine row or column under a chosen cell then counts twice); output as ``low``.

    Raises:
        BlockArgumentError: ``high`` has not half the size of ``low``.
    """

    def __init__(
        self,
        c_high: int,
        c_low: int,
        top: NotNegativeInteger = 0,
        layers: Positive = 1,
        *,
        mlp_ratio: Positive = 2,
        hidden: Positive | None = None,
        gain: Gain | None = 0.0,
    ) -> None:
        super().__init__()
        wide = max(HEAD, c_low // 2 // HEAD * HEAD) if hidden is None else hidden
        require(self, wide % HEAD == 0, "hidden", hidden, f"a multiple of {HEAD}")
        self.low = Conv(c_low, wide, 1)
        self.high = Conv(c_high, wide, 1)
        self.layers = nn.ModuleList(PSTLayer(wide, mlp_ratio, top) for _ in range(layers))
        self.merge = Conv((1 + layers) * wide, c_low, 1)
        self.gain = ResidualGain(c_low, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Let ``low`` attend to ``high``."""
        high, low = x
        require_sizes(self, doubles(high, low), "'high' must have half the size of 'low'", high=high, low=low)
        coarse, maps = self.high(high), [self.low(low)]
        for layer in self.layers:
            maps.append(layer(maps[-1], coarse))
        return self.gain(low, self.merge(torch.cat(maps, 1)))


class PSTLayer(nn.Module):
    """Attention and MLP of one layer: a fine map (B, c, H, W) and a coarse one (B, c, h, w) to (B, c, H, W)."""

    def __init__(self, wide: int, mlp_ratio: int, top: int) -> None:
        super().__init__()
        self.heads, self.top = wide // HEAD, top
        self.query = Conv(wide, wide, 1, act=False)
        self.key_value = Conv(wide, 2 * wide, 1, act=False)  # each head's keys, then its values
        self.project = Conv(wide, wide, 1, act=False)
        self.position = Conv(wide, wide, 7, g=wide, act=False)
        self.expand = Conv(wide, mlp_ratio * wide, 1)
        self.reduce = Conv(mlp_ratio * wide, wide, 1, act=False)
        for layer in (self.query, self.key_value, self.project, self.position, self.expand, self.reduce):
            nn.init.trunc_normal_(layer.conv.weight, std=0.02)
        if top:
            self.gate = nn.Conv1d(2 * HEAD, HEAD, 1)
            nn.init.zeros_(self.gate.weight)
            nn.init.constant_(self.gate.bias, CLOSED)  # type: ignore[arg-type]

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Attend, then the MLP."""
        batch, wide, height, width = fine.shape
        query = self._by_head(self.query(fine))  # (B, n, d, H·W)
        key, value = self._by_head(self.key_value(coarse)).chunk(2, dim=2)  # each (B, n, d, h·w)
        y = attend(query, key, value)
        if self.top:
            y = self._refined(y, query, key, fine, coarse)
        position = self.position(value.reshape(batch, wide, *coarse.shape[2:]))
        position = F.interpolate(position, size=(height, width), mode="bilinear", align_corners=False)
        fine = fine + self.project(y.reshape(batch, wide, height, width) + position)
        mixed: Tensor = fine + self.reduce(self.expand(fine))
        return mixed

    def _refined(self, y: Tensor, query: Tensor, key: Tensor, fine: Tensor, coarse: Tensor) -> Tensor:
        """Coarse attention ``y`` (B, n, d, H·W) gated with attention to the fine cells under the best coarse ones."""
        batch, heads, each, cells = y.shape
        scores = query.mean(3, keepdim=True).transpose(2, 3) @ key  # (B, n, 1, h·w): the mean over all queries
        cells_there = scores.shape[3]
        count = min(self.top, int(cells_there) if is_tracing() else cells_there)  # an export has one number
        best = scores[:, :, 0].topk(count).indices  # (B, n, k)
        height, width = coarse.shape[2:]
        filled = self.key_value(fine)
        if is_tracing() or (filled.shape[2] % 2 or filled.shape[3] % 2):
            filled = F.pad(filled, (0, 2 * width - fine.shape[3], 0, 2 * height - fine.shape[2]), mode="replicate")
        under = F.pixel_unshuffle(filled, 2).reshape(
            batch, heads, 8 * each, height * width
        )  # each channel's four cells
        index = best.unsqueeze(2).expand(-1, -1, under.shape[2], -1)
        chosen = torch.unflatten(under.gather(3, index), 2, (2 * each, 4)).flatten(3)  # (B, n, 2d, 4·k)
        fine_key, fine_value = chosen.chunk(2, dim=2)
        detail = attend(query, fine_key, fine_value)
        pairs = torch.cat([y, detail], 2).flatten(0, 1)  # (B·n, 2d, H·W)
        gate: Tensor = self.gate(pairs).sigmoid().reshape(batch, heads, each, cells)
        return y + gate * (detail - y)

    def _by_head(self, x: Tensor) -> Tensor:
        """(B, n·d, h, w) to (B, n, d, h·w)."""
        return x.reshape(x.shape[0], self.heads, x.shape[1] // self.heads, -1)
