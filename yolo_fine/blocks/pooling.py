# SPDX-License-Identifier: AGPL-3.0-or-later
"""Average pooling onto a token grid, for maps of any size; on a CPU the columns are averaged by a matrix product."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from yolo_fine.blocks.constants import matrix_products, plain_mode, suits_matrix_products


def pool(x: Tensor, window: int) -> Tensor:
    """Average over ``window``² cells without overlap; a map that is smaller than the window gives one cell.

    Args:
        x: (B, C, H, W).
        window: Side of the square window, in cells.

    Returns:
        (B, C, H // window, W // window), at least one cell a side; what the windows do not cover is not read.
    """
    if window == 1:
        return x
    if torch.jit.is_tracing():
        return F.avg_pool2d(x, window)
    batch, channels, height, width = x.shape
    if suits_matrix_products(x) and height % window == 0 and width % window == 0:
        rows = x.view(-1, window, width).sum(1)
        with matrix_products():
            return (rows @ _columns(width, window)).view(batch, channels, height // window, width // window)
    return F.avg_pool2d(x, (min(window, height), min(window, width)))


@lru_cache(maxsize=64)
def _columns(width: int, window: int) -> Tensor:
    """(width, width // window) matrix that sums neighbouring columns and divides by the cells of a window."""
    with plain_mode():
        return torch.eye(width // window).repeat_interleave(window, 0) / window**2
