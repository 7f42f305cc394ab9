# SPDX-License-Identifier: AGPL-3.0-or-later
"""What lies around a map that was upsampled bilinearly with aligned corners."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def grow(upsampled: Tensor, original: Tensor, reach: int, outside: Literal["zeros", "border"]) -> Tensor:
    """The map with ``reach`` more cells on every side, as if points outside the original had been sampled.

    Args:
        upsampled: (B, C, rH, rW).
        original: What it was upsampled from, (B, C, H, W); only its size is read.
        reach: Cells to add on every side.
        outside: The ``border`` is repeated, or there are ``zeros`` from one original cell outside on: in between,
            values fall linearly.

    Returns:
        (B, C, rH + 2·reach, rW + 2·reach).
    """
    grown = F.pad(upsampled, [reach] * 4, mode="replicate")
    if outside == "border":
        return grown
    falls = [
        _fall(original.shape[axis], upsampled.shape[axis], reach, upsampled.device).to(upsampled.dtype)
        for axis in (2, 3)
    ]
    return grown * (falls[0][:, None] * falls[1])


def _fall(cells: int, tall: int, reach: int, device: torch.device) -> Tensor:
    """1 inside and less outside, (tall + 2·reach,): output cells are ``(cells - 1)/(tall - 1)`` original ones apart."""
    place = torch.arange(tall + 2 * reach, device=device) - reach
    beyond = (-place).clamp(min=0) + (place - (tall - 1)).clamp(min=0)
    return (1 - beyond * ((cells - 1) / (tall - 1))).clamp(min=0)
