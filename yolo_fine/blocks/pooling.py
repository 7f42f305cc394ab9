# SPDX-License-Identifier: AGPL-3.0-or-later
"""Average pooling onto a token grid, for maps of any size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


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
        return F.avg_pool2d(x, window)  # sizes are traced values here, which must not decide the window
    return F.avg_pool2d(x, (min(window, x.shape[2]), min(window, x.shape[3])))
