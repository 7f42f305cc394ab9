# SPDX-License-Identifier: AGPL-3.0-or-later
"""Kernels of one cell each: made from logits under a Hamming window, and applied at one size or while upsampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from yolo_fine.layers.reassembly import fine_cells, reassemble
from yolo_fine.layers.softmax import softmax

Outside = Literal["zeros", "reflect"]


def from_logits(logits: Tensor) -> Tensor:
    """Kernels (B, k², H, W) that add up to 1: softmax over the k² places, times a Hamming window."""
    side = math.isqrt(logits.shape[1])
    line = [0.54 - 0.46 * math.cos(2 * math.pi * i / (side - 1)) for i in range(side)]
    window = torch.tensor([row * column for row in line for column in line], device=logits.device)
    # exp(z)·w is exp(z + log w): the window goes into the softmax
    return softmax(logits.float() + window.log()[:, None, None], 1)


def blended(x: Tensor, kernels: Tensor, outside: Outside = "zeros") -> Tensor:
    """Each cell as a weighted sum of those around it: (B, C, H, W) under (B, k², H, W)."""
    return _blend(x, kernels.unsqueeze(2), 1, outside)


def upsampled(x: Tensor, kernels: Tensor, size: Sequence[int], outside: Outside = "zeros") -> Tensor:
    """Each fine cell as a weighted sum of coarse cells around the one it lies in.

    Args:
        x: (B, C, H/2, W/2), odd sizes rounded up.
        kernels: (B, k², H, W).
        size: H and W.
        outside: What lies outside ``x``.

    Returns:
        (B, C, H, W).
    """
    return _blend(x, fine_cells(kernels, x), 2, outside)[:, :, : size[0], : size[1]]


def _blend(x: Tensor, kernels: Tensor, scale: int, outside: Outside) -> Tensor:
    side = math.isqrt(kernels.shape[1])
    if outside == "zeros":
        return reassemble(x, kernels, side, scale)
    reach = side // 2
    padded = F.pad(x, [reach] * 4, mode="reflect")
    y = reassemble(padded, F.pad(kernels, [reach] * 4), side, scale)
    edge = scale * reach
    return y[:, :, edge:-edge, edge:-edge]
