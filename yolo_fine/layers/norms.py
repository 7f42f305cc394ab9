# SPDX-License-Identifier: AGPL-3.0-or-later
"""Norms that no stock module gives: a root mean square that exports to ONNX opset 17, and layer norm over channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """``x / sqrt(mean(x²) + eps) * weight`` over the last axis but one, computed in float32.

    Args:
        dim: Length D of that axis.
        eps: Added to the mean square.

    Shapes:
        x: (..., D, N); output (..., D, N) in the dtype of ``x``. ``weight`` has shape (D,).
    """

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis but one."""
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-2, keepdim=True) + self.eps)
        return (wide * scale * self.weight.float()[:, None]).to(x.dtype)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of a map (B, C, H, W), each position by itself; output the same shape.

    Args:
        channels: Channels C; ``weight`` and ``bias`` have shape (C,).
        eps: Added to the variance.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the channels."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
