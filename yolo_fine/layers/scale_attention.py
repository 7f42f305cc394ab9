# SPDX-License-Identifier: AGPL-3.0-or-later
"""Multi-scale channel attention: a gate from every position and from the whole map.

"Attentional Feature Fusion", WACV 2021 (arXiv 2009.14082, section 3).
"""

from __future__ import annotations

from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.pooled_conv import PooledConv


class BiasedConv(Conv):  # type: ignore[misc]  # Ultralytics is not typed
    """Ultralytics' 1x1 Conv with a bias beside its batch norm, as the authors have it."""

    def __init__(self, c1: int, c2: int, act: nn.Module | bool) -> None:
        super().__init__(c1, c2, 1, act=act)
        self.conv = nn.Conv2d(c1, c2, 1)


class MultiScaleChannelAttention(nn.Module):
    """The gate ``σ(L(x) + G(mean(x)))`` of MS-CAM, which AFF and iAFF put between two maps.

    Args:
        channels: Channels C.
        reduction: Ratio r; the hidden layers have C/r channels, rounded down, at least 1.

    Shapes:
        x: (B, C, H, W); output the same, between 0 and 1, in the dtype of ``x``.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.local = nn.Sequential(BiasedConv(channels, hidden, nn.ReLU()), BiasedConv(hidden, channels, False))
        self.pooled = nn.Sequential(
            PooledConv(channels, hidden, nn.ReLU(), bias=True), PooledConv(hidden, channels, False, bias=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Make the gate of a map."""
        logits: Tensor = self.local(x) + self.pooled(x.mean((2, 3), keepdim=True))  # (B, C, H, W) + (B, C, 1, 1)
        return logits.sigmoid().to(x.dtype)
