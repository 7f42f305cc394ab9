# SPDX-License-Identifier: AGPL-3.0-or-later
"""Root-mean-square normalisation from plain operations, because the fused one does not export to ONNX opset 17."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """``x / sqrt(mean(x²) + eps) * weight`` over the last axis, computed in float32.

    Args:
        dim: Length D of the last axis.
        eps: Added to the mean square.

    Shapes:
        x: (..., D); output (..., D) in the dtype of ``x``. ``weight`` has shape (D,).
    """

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide * scale * self.weight.float()).to(x.dtype)
