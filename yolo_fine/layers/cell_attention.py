# SPDX-License-Identifier: AGPL-3.0-or-later
"""Softmax attention of cells to cells, for channels in front of cells as maps have them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def attend(query: Tensor, key: Tensor, value: Tensor, scale: float | None = None) -> Tensor:
    """Scaled dot-product attention.

    Each operand is copied with its channels side by side: PyTorch's fused kernels take no other, and without them a CPU
    needs six to eight times as long (6400 to 1600 cells).

    Args:
        query: (B, n, d, N): n heads of d channels, N cells.
        key: (B, n, d, M).
        value: (B, n, d, M).
        scale: Factor of the inner products; None is ``d ** -0.5``.

    Returns:
        (B, n, d, N).
    """
    query, key, value = (one.transpose(2, 3).contiguous() for one in (query, key, value))
    found: Tensor = F.scaled_dot_product_attention(query, key, value, scale=scale)
    return found.transpose(2, 3)
