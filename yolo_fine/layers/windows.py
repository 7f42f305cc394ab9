# SPDX-License-Identifier: AGPL-3.0-or-later
"""Maps cut into windows, whatever their size: the last ones are filled up with zeros, or dropped."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def pad_to_multiple(x: Tensor, window: int) -> Tensor:
    """Fill a map (B, C, H, W) up with zeros, below and to the right, to multiples of ``window``."""
    return F.pad(x, (0, -x.shape[3] % window, 0, -x.shape[2] % window))


def whole_windows(side: int, window: int) -> int:
    """How many windows fit on a side, at least 1: by arithmetic alone, which a traced graph repeats for every size."""
    fitting = side // window
    return fitting + 1 // (fitting + 1)


def to_windows(x: Tensor, window: int) -> Tensor:
    """Cut a map whose sizes are multiples of ``window``: (B, C, H, W) to (B, windows, window², C)."""
    batch, channels, height, width = x.shape
    tiles = x.reshape(batch, channels, height // window, window, width // window, window)
    return tiles.permute(0, 2, 4, 3, 5, 1).reshape(batch, -1, window * window, channels)


def from_windows(tiles: Tensor, window: int, height: int, width: int) -> Tensor:
    """The inverse of :func:`to_windows` for a map of ``height`` x ``width`` cells before it was filled up."""
    batch, _, _, channels = tiles.shape
    rows, columns = (height + window - 1) // window, (width + window - 1) // window
    x = tiles.reshape(batch, rows, columns, window, window, channels).permute(0, 5, 1, 3, 2, 4)
    return x.reshape(batch, channels, rows * window, columns * window)[:, :, :height, :width]


def real_cells(x: Tensor, window: int) -> Tensor:
    """Which cells of the windows of ``x`` were not filled up: (1, windows, window²), one and zero in float32."""
    ones = torch.ones_like(x[:1, :1], dtype=torch.float32)
    return to_windows(pad_to_multiple(ones, window), window).flatten(2)
