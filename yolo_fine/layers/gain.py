# SPDX-License-Identifier: AGPL-3.0-or-later
"""The residual gain: a learnt switch, per channel, between a map and what a block makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.tracing import is_tracing


def lerp(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    """``torch.lerp``, which exports to seven operators with two products of whole maps; in exports the plain three."""
    return start + weight * (end - start) if is_tracing() else torch.lerp(start, end, weight)


class ResidualGain(nn.Module):
    """``x + g * (y - x)`` with one gain per channel; without a gain, ``y``: a block as its paper has it.

    With ``g = 0`` the output equals ``x`` to the bit (for finite maps), so a block that ends with it can be put into a
    pretrained network without changing it; ``g`` has a gradient at once and the block behind ``y`` from the second
    step on. With ``g = 1`` the output is ``y``.

    Args:
        channels: Channels C of both maps.
        init: Initial value of every gain; None leaves it out.

    Shapes:
        x, y: (B, C, H, W); output (B, C, H, W). ``weight`` has shape (C,), or is None.
    """

    def __init__(self, channels: int, init: float | None = 0.0) -> None:
        super().__init__()
        self.weight = None if init is None else nn.Parameter(torch.full((channels,), float(init)))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Blend ``y`` into ``x``; the output has the dtype of ``x``."""
        return y if self.weight is None else lerp(x, y.to(x.dtype), self.weight.to(x.dtype).view(-1, 1, 1))

    if TYPE_CHECKING:  # what every module is called by is not typed

        def __call__(self, x: Tensor, y: Tensor) -> Tensor: ...  # noqa: D102


def nearest(x: Tensor, scale: int) -> Tensor:
    """What an upsampler with a gain starts as: a map (B, C, H, W) with its cells repeated, (B, C, rH, rW)."""
    return F.interpolate(x, scale_factor=float(scale), mode="nearest")
