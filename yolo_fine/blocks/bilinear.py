# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bilinear upsampling of a small map, on a CPU as two matrix products (about five times faster there)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from yolo_fine.blocks.constants import matrix_products, plain_mode, suits_matrix_products


def upsample_like(x: Tensor, like: Tensor) -> Tensor:
    """Resize ``x`` bilinearly (``align_corners=False``) to the size, in the memory layout, of ``like``.

    Bilinear interpolation is separable and linear: ``rows @ x @ columnsᵀ`` with two small constant matrices. That is
    used for float32 on a CPU; elsewhere, and in traced or compiled graphs, the stock operation is.

    Args:
        x: (B, C, h, w).
        like: (B, C, H, W) of the dtype of ``x``.

    Returns:
        (B, C, H, W).
    """
    size = like.shape[2:]
    if not suits_matrix_products(like):
        layout = torch.contiguous_format if like.is_contiguous() else torch.channels_last
        x = x.contiguous(memory_format=layout)
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
    batch, channels, height, width = x.shape
    with matrix_products():
        wide = (x.reshape(-1, width) @ _weights(width, size[1]).t()).view(-1, height, size[1])
        return (_weights(height, size[0]) @ wide).view(batch, channels, *size)


@lru_cache(maxsize=64)
def _weights(source: int, target: int) -> Tensor:
    """(target, source) matrix of linear interpolation: what the stock operation makes of the unit vectors."""
    with plain_mode():
        unit = torch.eye(source)[None]
        return F.interpolate(unit, size=target, mode="linear", align_corners=False)[0].t().contiguous()
