# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bilinear samples of a map at many points for every output cell, and their weighted sum in one pass."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Padding = Literal["border", "zeros"]


def sample(maps: Tensor, rows: Tensor, columns: Tensor, padding: Padding) -> Tensor:
    """Sample maps at P points for each output cell.

    Args:
        maps: (N, C, H, W), float32.
        rows: (N, P, h, w), float32: -1 is the centre of the first row, 1 that of the last.
        columns: The same across.
        padding: What lies outside: the ``border`` repeated, or ``zeros``.

    Returns:
        (N, C, P, h, w).
    """
    grid = torch.stack([columns, rows], dim=-1).flatten(1, 2)
    y = F.grid_sample(maps, grid, mode="bilinear", padding_mode=padding, align_corners=True)
    return y.unflatten(2, (rows.shape[1], rows.shape[2]))


def weighted_sample(maps: Tensor, rows: Tensor, columns: Tensor, weights: Tensor, padding: Padding) -> Tensor:
    """``(weights · sample(...)).sum(2)`` without the samples, which would be P times as large as the output.

    Every output cell is a weighted sum of 4P cells of the map: one bag of its rows. Exported graphs have no
    operator for that, and not every device has: they sample first.

    Args:
        maps: (N, C, H, W), float32.
        rows: See :func:`sample`.
        columns: See :func:`sample`.
        weights: (N, P, h, w), float32.
        padding: See :func:`sample`.

    Returns:
        (N, C, h, w).
    """
    if torch.jit.is_tracing() or maps.device.type not in ("cpu", "cuda"):
        return (sample(maps, rows, columns, padding) * weights.unsqueeze(1)).sum(2)
    count, channels, height, width = maps.shape
    (top, below), (left, right) = _two_cells(rows, height, padding), _two_cells(columns, width, padding)
    first = torch.arange(count, device=maps.device).view(-1, 1, 1, 1) * height
    places = [(first + row) * width + column for row, _ in (top, below) for column, _ in (left, right)]
    shares = [weights * down * across for _, down in (top, below) for _, across in (left, right)]
    bags, scales = (torch.cat(parts, 1).permute(0, 2, 3, 1).flatten(0, 2) for parts in (places, shares))
    table = maps.permute(0, 2, 3, 1).reshape(-1, channels)
    y = F.embedding_bag(bags.contiguous(), table, mode="sum", per_sample_weights=scales.contiguous())
    return y.view(count, *rows.shape[2:], channels).permute(0, 3, 1, 2)


def _two_cells(points: Tensor, cells: int, padding: Padding) -> tuple[tuple[Tensor, Tensor], ...]:
    """The two cells that each point lies between along one axis, as (index, share)."""
    place = (points + 1) * (0.5 * (cells - 1))
    if padding == "border":
        place = place.clamp(0, cells - 1)
    start = place.detach().floor()
    after = place - start
    pairs = []
    for at, share in ((start, 1 - after), (start + 1, after)):
        inside = (at >= 0) & (at < cells)
        pairs.append((at.clamp(0, cells - 1).long(), share * inside))
    return tuple(pairs)
