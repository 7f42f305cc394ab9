# SPDX-License-Identifier: AGPL-3.0-or-later
"""What attention across the levels of a pyramid is built of: overlapping windows of cells or channels, and positions.

From "Cross-Layer Feature Pyramid Transformer for Small Object Detection in Aerial Images" (arXiv 2407.19696).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def overlapping(x: Tensor, axis: int, size: int) -> Tensor:
    """Cut an axis into blocks of ``size``, each with the last entry of the block before it (zero for the first).

    Returns:
        The axis is two now: blocks, and ``size + 1`` entries of each; no overlap for a size of 1.
    """
    blocks = torch.unflatten(x, axis, (-1, size))
    if size == 1:
        return blocks
    last = blocks.narrow(axis + 1, size - 1, 1)
    return torch.cat([shifted(last, axis, 1), blocks], dim=axis + 1)


def summed(x: Tensor, axis: int, size: int) -> Tensor:
    """The way back from :func:`overlapping`: entries that two blocks share are added."""
    if size > 1:
        blocks, first = x.narrow(axis + 1, 1, size), x.narrow(axis + 1, 0, 1)
        inner, last = blocks.narrow(axis + 1, 0, size - 1), blocks.narrow(axis + 1, size - 1, 1)
        x = torch.cat([inner, last + shifted(first, axis, -1)], dim=axis + 1)
    return x.flatten(axis, axis + 1)


def shifted(x: Tensor, axis: int, by: int) -> Tensor:
    """Move the entries of an axis on by 1 or back by 1; a zero follows, and what leaves is lost."""
    sides = [0, 0] * (x.ndim - axis - 1)
    longer = F.pad(x, [*sides, *((1, 0) if by > 0 else (0, 1))])
    kept = slice(None, -1) if by > 0 else slice(1, None)
    where = (*(slice(None),) * axis, kept)
    return longer[where]


class PositionBias(nn.Module):
    """A bias for every pair of tokens of a group, by how far apart they are.

    The tokens of level i are ``w_i`` (or ``w_i²``) places on a grid as wide as that of the finest level, ``w_0``. Their
    difference is a row of a learnt table, along ``axes`` axes numbered in one; fractions are interpolated linearly
    between two rows of the table (as the authors do, also where a row of the grid ends).

    Args:
        widths: Tokens a side of each level, finest first.
        axes: 1 or 2.
        heads: Number of biases.

    Shapes:
        output (heads, tokens, tokens), float32; ``table`` has shape ((2·w_0 - 1)^axes, heads).
    """

    def __init__(self, widths: Sequence[int], axes: int, heads: int) -> None:
        super().__init__()
        self.widths, self.axes = tuple(widths), axes
        self.table = nn.Parameter(torch.empty((2 * widths[0] - 1) ** axes, heads))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self) -> Tensor:
        """The biases of all pairs, query first."""
        device, finest = self.table.device, self.widths[0]
        places = []  # each (axes, tokens of the level)
        for width in self.widths:
            line = (torch.arange(width, dtype=torch.float32, device=device) - width // 2) * (finest / width)
            grid = [line] if self.axes == 1 else [line.repeat_interleave(width), line.repeat(width)]
            places.append(torch.stack(grid))
        place = torch.cat(places, dim=1)  # (axes, T)
        apart = place[:, :, None] - place[:, None, :] + (finest - 1)  # (axes, T, T)
        index = apart[0] if self.axes == 1 else apart[0] * (2 * finest - 1) + apart[1]
        below = index.floor()
        above = index.ceil().clamp(max=self.table.shape[0] - 1)
        table = self.table.float()
        low, high = table[below.long()], table[above.long()]  # (T, T, heads)
        return (low + (index - below).unsqueeze(2) * (high - low)).permute(2, 0, 1)


def cosine_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """``softmax(q̂ k̂ᵀ + bias) v`` with q̂ and k̂ of length 1.

    Args:
        q: Queries (..., T, d).
        k: Keys, likewise.
        v: Values, likewise.
        bias: Broadcast to (..., T, T).
    """
    q, k = F.normalize(q.float(), dim=-1, eps=1e-12), F.normalize(k.float(), dim=-1, eps=1e-12)
    weights = (q @ k.transpose(-1, -2) + bias).softmax(-1)  # groups are small: no fused attention is faster
    return (weights.to(v.dtype) @ v).to(v.dtype)
