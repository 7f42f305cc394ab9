# SPDX-License-Identifier: AGPL-3.0-or-later
"""Average pooling onto a token grid, for maps of any size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def pool(x: Tensor, window: int) -> Tensor:
    """Average over ``window``² cells without overlap; a map that is smaller than the window gives one cell."""
    if window == 1:
        return x
    size = (window, window) if torch.jit.is_tracing() else (min(window, x.shape[2]), min(window, x.shape[3]))
    return F.avg_pool2d(x, size)
