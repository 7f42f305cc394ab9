# SPDX-License-Identifier: AGPL-3.0-or-later
"""CFPT: every level of the pyramid attends to all others at once, without upsampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import doubles, require, require_sizes
from yolo_fine.layers.cross_layer import PositionBias, cosine_attention, overlapping, summed
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.norms import ChannelLayerNorm
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive


class LocalPosition(nn.Module):
    """``x + GELU(DW3x3(x))``, the convolution with a bias: what tells a cell where it is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the neighbours say."""
        y: Tensor = x + F.gelu(self.conv(x))
        return y


class Level(nn.Module):
    """What one level has for itself: positions, queries, keys and values, and an MLP."""

    def __init__(self, channels: int, hidden: int, mlp_ratio: int) -> None:
        super().__init__()
        self.before = LocalPosition(channels)
        self.qkv = nn.Conv2d(channels, 3 * hidden, 1)
        self.proj = nn.Conv2d(hidden, channels, 1)
        self.norm1 = ChannelLayerNorm(channels)
        self.after = LocalPosition(channels)
        self.norm2 = ChannelLayerNorm(channels)
        wide = channels * mlp_ratio
        self.mlp = nn.Sequential(nn.Conv2d(channels, wide, 1), nn.GELU(), nn.Conv2d(wide, channels, 1))

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add what the attention found, and let the MLP work on it."""
        x = self.after(x + self.norm1(self.proj(attended)).to(x.dtype))
        y: Tensor = x + self.mlp(self.norm2(x)).to(x.dtype)
        return y


class CrossLayerAttention(nn.Module):
    """Attention within groups of tokens that hold all levels; what a group is, the two forms say.

    Args:
        channels: Channels C of every map.
        levels: Number n of maps, finest first, each with twice the size of the next.
        heads: Attention heads.
        reduction: Queries, keys and values have C/reduction channels.
        mlp_ratio: Width of the MLPs relative to C.
        axes: Axes of the positions: 1 for channels, 2 for cells.

    Shapes:
        x: n maps (B, C, H_i, W_i); output the same.
    """

    def __init__(self, channels: int, levels: int, heads: int, reduction: int, *, mlp_ratio: int, axes: int) -> None:
        super().__init__()
        self.heads, self.hidden = heads, channels // reduction
        self.strides = [2 ** (levels - 1 - i) for i in range(levels)]
        self.levels = nn.ModuleList(Level(channels, self.hidden, mlp_ratio) for _ in range(levels))
        self.widths = [s ** (3 - axes) + (s > 1) for s in self.strides]
        self.position = PositionBias(self.widths, axes, heads)

    def forward(self, x: Sequence[Tensor]) -> list[Tensor]:
        """Let all levels attend to one another."""
        levels: Any = self.levels
        x = [level.before(one) for level, one in zip(levels, x, strict=True)]
        rows, columns = x[-1].shape[2:]
        whole = []
        for level, one, s in zip(levels, x, self.strides, strict=True):
            # Where a side is odd somewhere, the finer maps are filled up with zeros, as outside of every map.
            missing = (0, columns * s - one.shape[3], 0, rows * s - one.shape[2])
            whole.append(F.pad(level.qkv(one), missing) if s > 1 else level.qkv(one))
        attended = self.attend(whole)
        pairs = zip(levels, x, attended, strict=True)
        return [level.finish(one, found[:, :, : one.shape[2], : one.shape[3]]) for level, one, found in pairs]

    def attend(self, qkv: Sequence[Tensor]) -> list[Tensor]:
        """From queries, keys and values (B, 3h, s·H, s·W) to what was found, (B, h, s·H, s·W)."""
        raise NotImplementedError


class CrossLayerChannels(CrossLayerAttention):
    """A group is one channel: its s² sub-pixels of every level, and one of its neighbour; cells are the features."""

    def attend(self, qkv: Sequence[Tensor]) -> list[Tensor]:
        """See :class:`CrossLayerAttention`."""
        tokens = []
        for one, s in zip(qkv, self.strides, strict=True):
            unshuffled = F.pixel_unshuffle(one, s).flatten(2)  # (B, 3h, s·H, s·W) -> (B, 3h·s², H·W)
            tokens.append(overlapping(unshuffled, 1, s * s))  # (B, 3h, w, H·W)
        q, k, v = torch.cat(tokens, dim=2).chunk(3, dim=1)  # (B, h, T, H·W)
        bias = self.position().repeat_interleave(self.hidden // self.heads, dim=0)  # (h, T, T)
        found = cosine_attention(q, k, v, bias).split(self.widths, dim=2)
        maps = []
        for y, one, s in zip(found, qkv, self.strides, strict=True):
            shape = (one.shape[0], self.hidden * s * s, one.shape[2] // s, one.shape[3] // s)
            maps.append(F.pixel_shuffle(summed(y, 1, s * s).reshape(shape), s))
        return maps


class CrossLayerCells(CrossLayerAttention):
    """A group is one cell of the coarsest map and one head: the cells of every level that lie in it, and neighbours."""

    def attend(self, qkv: Sequence[Tensor]) -> list[Tensor]:
        """See :class:`CrossLayerAttention`."""
        batch, _, rows, columns = qkv[-1].shape
        tokens = []
        for one, s in zip(qkv, self.strides, strict=True):
            windows = overlapping(overlapping(one, 2, s), 4, s)  # (B, 3h, H, w, W, w)
            tokens.append(windows.permute(0, 2, 4, 1, 3, 5).flatten(4))  # (B, H, W, 3h, w²)
        groups = torch.cat(tokens, dim=4).flatten(1, 2)  # (B, cells, 3h, T)
        groups = torch.unflatten(groups, 2, (3, self.heads, self.hidden // self.heads)).transpose(4, 5)
        q, k, v = groups.unbind(2)  # (B, cells, heads, T, d)
        found = cosine_attention(q, k, v, self.position()).transpose(3, 4).flatten(2, 3)  # (B, cells, h, T)
        maps = []
        for y, w, s in zip(found.split([w * w for w in self.widths], dim=3), self.widths, self.strides, strict=True):
            windows = y.reshape(batch, rows, columns, self.hidden, w, w).permute(0, 3, 1, 4, 2, 5)
            maps.append(summed(summed(windows, 4, s), 2, s))  # (B, h, s·H, s·W)
        return maps


def count_outputs(inputs: int, arguments: Mapping[str, Any]) -> int:
    """One map for each that is read, and the extra levels."""
    return inputs + int(arguments["extra"])


@block(
    inputs="n",
    out="arg",
    outputs=count_outputs,
    kind="fuse",
    paper="https://arxiv.org/abs/2407.19696",
    strides=(1, 2, 4),
    arguments_at=lambda depth: [256],
)
class CFPT(nn.Module):
    """Cross-layer feature pyramid: channel-wise, then cell-wise attention over all levels, added to them.

    "Cross-Layer Feature Pyramid Transformer for Small Object Detection in Aerial Images" (arXiv 2407.19696), the
    authors' code. No map is upsampled: the levels meet on the grid of the coarsest one, where a finer map has s² values
    a cell.

    1. Every map is projected to one width (1x1 convolution, batch norm, ReLU).
    2. Channel-wise: the tokens of a group are the s² sub-pixels of one channel at every level, its features all cells.
    3. Cell-wise: the tokens are the cells of every level in one coarsest cell, with a row and a column of the cells
       before it; its features are d channels.
    4. Each output is the projected map plus what 2 and 3 made of it.

    In both, each level has ``x + GELU(DW3x3 x)`` before and behind the attention and an MLP at its end; queries and
    keys have length 1; biases depend on how far tokens are apart. The authors' windows of channels are cut from
    queries, keys and values in one piece, so that the first key's window holds a value of the last query; so they are
    here. Left out is what has no effect in their code: a bias per level that the softmax cancels, and the rows of the
    channel-wise table that are never read. Finer maps whose size is no multiple are filled up with zeros (ours).

    This row puts out a list of maps; rows below take one each through :class:`Pick`.

    At init: no identity; near twice the projected maps. With ``gain=0.0`` the outputs are the projected maps: the
    attention is weighed by g. The gain is ours.

    Cost: 629 512 parameters and 1.643 GMACs for 128@80x80, 256@40x40 and 512@20x20 to 128; with ``extra=2`` 1 539 720
    and 1.814.

    Args:
        channels: Channels of the maps, the finest first.
        c2: Channels of every output, divisible by ``heads·reduction``.
        extra: Levels added at the coarse end. 1: a 3x3 convolution of stride 2 of the last map takes part in the
            attention. 2: another one behind that output, which does not (the authors' P3 to P7 of P3, P4 and P5).
        heads: Attention heads.
        reduction: Queries, keys and values have c2/reduction channels.
        mlp_ratio: Width of the MLPs relative to c2.
        gain: Initial value of the gain g; None is the authors' form.

    Shapes:
        x: n maps (B, c_i, H_i, W_i), the finest first, each twice as large as the next, odd sizes rounded up as
        stride-2 convolutions do; output n + extra maps (B, c2, H_i, W_i).

    Raises:
        BlockArgumentError: A map has not half the size of the one before, or ``c2`` is not divisible.
    """

    def __init__(
        self,
        channels: Sequence[int],
        c2: int,
        extra: Literal[0, 1, 2] = 0,
        heads: Positive = 4,
        reduction: Positive = 4,
        *,
        mlp_ratio: Positive = 2,
        gain: Gain | None = None,
    ) -> None:
        super().__init__()
        require(self, c2 % (heads * reduction) == 0, "c2", c2, f"divisible by {heads * reduction} (heads x reduction)")
        self.laterals = nn.ModuleList(Conv(c, c2, 1, act=nn.ReLU()) for c in channels)
        self.coarser = Conv(channels[-1], c2, 3, 2, act=nn.ReLU()) if extra else None
        levels = len(channels) + (extra > 0)
        self.channelwise = CrossLayerChannels(c2, levels, heads, reduction, mlp_ratio=mlp_ratio, axes=1)
        self.cellwise = CrossLayerCells(c2, levels, heads, reduction, mlp_ratio=mlp_ratio, axes=2)
        self.gains = nn.ModuleList(ResidualGain(c2, gain) for _ in range(levels))
        self.coarsest = Conv(c2, c2, 3, 2, act=nn.ReLU()) if extra == 2 else None

    def forward(self, x: Sequence[Tensor]) -> list[Tensor]:
        """Let the levels of a pyramid learn from one another."""
        for i in range(1, len(x)):
            maps = {f"x[{i}]": x[i], f"x[{i - 1}]": x[i - 1]}
            require_sizes(self, doubles(x[i], x[i - 1]), "each map must have half the size of the one before", **maps)
        maps_in = [lateral(one) for lateral, one in zip(self.laterals, x, strict=True)]
        if self.coarser is not None:
            maps_in.append(self.coarser(x[-1]))
        found = self.cellwise(self.channelwise(maps_in))
        y = [gain(one, one + more) for gain, one, more in zip(self.gains, maps_in, found, strict=True)]
        return y if self.coarsest is None else [*y, self.coarsest(y[-1])]
