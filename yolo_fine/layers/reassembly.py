# SPDX-License-Identifier: AGPL-3.0-or-later
"""Weighted sums over the neighbourhood of every cell, without unfolding it: what CARAFE, FADE and SAPA share."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from yolo_fine.layers.tracing import is_tracing


def reassemble(x: Tensor, weights: Tensor, kernel: int, scale: int) -> Tensor:
    """Upsample: each output cell is a weighted sum of the neighbourhood of the input cell that it lies in.

    The map is never unfolded: for each place of the window, a shifted view of it is multiplied into the sum.

    Args:
        x: (B, C, H, W).
        weights: (B, k², r², H, W): for each input cell, one window (row-major) for each of its r² output cells.
        kernel: Side k of the window, odd; outside the map there are zeros.
        scale: Factor r.

    Returns:
        (B, C, rH, rW) in the dtype of ``x``; summed in float32.
    """
    border = _border(kernel)
    taps = torch.split(F.pad(weights.float().contiguous(), (0, border)), 1, dim=1)  # k² of (B, 1, r², H, W)
    views = shifted_views(x.float(), kernel)
    y = next(views) * taps[0]
    for view, tap in zip(views, taps[1:], strict=True):
        y.addcmul_(view, tap)
    return F.pixel_shuffle(y.flatten(1, 2)[..., : -border or None], scale).to(x.dtype)


def shifted_views(x: Tensor, kernel: int) -> Iterator[Tensor]:
    """The map seen from each place of a window: k² views (B, C, 1, H, W + border) of one padded copy.

    Rows follow each other with k//2 zeros between them, which serve as right border of one row and left border of the
    next; so every view is one contiguous run a channel, and the last k//2 columns of each row mean nothing. Exported
    graphs have no views but copies: there the border is 0 and the bounds are constants, whatever the size.
    """
    height, width = x.shape[2:]
    border, reach = kernel // 2, kernel - 1
    if is_tracing():
        padded = F.pad(x, [border] * 4).unsqueeze(2)
        for row in range(kernel):
            for column in range(kernel):
                yield padded[..., row : row - reach or None, column : column - reach or None]
        return
    pitch = width + border
    flat = F.pad(x.contiguous(), (border, 0, border, kernel)).flatten(2).unsqueeze(2)
    for row in range(kernel):
        for column in range(kernel):
            start = row * pitch + column
            yield torch.unflatten(flat[..., start : start + height * pitch], 3, (height, pitch))


def _border(kernel: int) -> int:
    """Columns of the shifted views that mean nothing."""
    return 0 if is_tracing() else kernel // 2


def fine_cells(x: Tensor, coarse: Tensor) -> Tensor:
    """The four cells of ``x`` in each cell of ``coarse``, a map of half its size: (B, C, 4, H/2, W/2).

    Where an odd size was rounded up, the missing cells are zeros.
    """
    height, width = coarse.shape[2:]
    filled = F.pad(x, (0, 2 * width - x.shape[3], 0, 2 * height - x.shape[2]))
    return torch.unflatten(F.pixel_unshuffle(filled, 2), 1, (x.shape[1], 4))


def similarities(queries: Tensor, keys: Tensor, kernel: int) -> Tensor:
    """Inner products of each fine cell with the window of coarse cells around the one it lies in.

    Args:
        queries: (B, D, r², H, W), the r² fine cells of each coarse cell.
        keys: (B, D, H, W); outside the map there are zeros.
        kernel: Side k of the window, odd.

    Returns:
        (B, k², r², H, W), the window row-major.
    """
    border = _border(kernel)
    queries = F.pad(queries.contiguous(), (0, border))
    products = [(queries * view).sum(1) for view in shifted_views(keys, kernel)]
    return torch.stack(products, 1)[..., : -border or None]
