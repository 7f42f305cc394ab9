# SPDX-License-Identifier: AGPL-3.0-or-later
"""Average pooling onto a token grid, for maps of any size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from yolo_fine.layers.tracing import is_tracing


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
    if is_tracing():
        return F.avg_pool2d(x, window)  # sizes are traced values here, which must not decide the window
    return F.avg_pool2d(x, (min(window, x.shape[2]), min(window, x.shape[3])))


def pool_to_grid(x: Tensor, cells: int) -> Tensor:
    """Average over ``cells``² windows that together cover the map.

    Windows are ``⌊S/cells⌋`` apart and ``S - (cells-1)·⌊S/cells⌋`` long on a side of S: equal windows where ``cells``
    divides S; elsewhere neighbours overlap. On a side shorter than ``cells`` every window is the whole side. Exports
    get two matrix products, which hold for all sizes where adaptive pooling does not.

    Args:
        x: (B, C, H, W).
        cells: Windows a side.

    Returns:
        (B, C, cells, cells).
    """
    if is_tracing():
        return _means(x.shape[2], cells, x) @ (x @ _means(x.shape[3], cells, x).T)
    for axis in (2, 3):
        step = x.shape[axis] // cells
        length = x.shape[axis] - (cells - 1) * step
        windows = [x.narrow(axis, i * step, length).mean(axis, keepdim=True) for i in range(cells)]
        x = torch.cat(windows, dim=axis)
    return x


def _means(side: int, cells: int, like: Tensor) -> Tensor:
    """The matrix (cells, side) that takes the means of :func:`pool_to_grid` along one side; constant if that is."""
    step = side // cells
    length = side - (cells - 1) * step
    place = torch.arange(side, device=like.device)
    start = torch.arange(cells, device=like.device)[:, None] * step
    inside = (place >= start) & (place < start + length)
    return (inside / length).to(like.dtype)
