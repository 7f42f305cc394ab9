# SPDX-License-Identifier: AGPL-3.0-or-later
"""A 1x1 convolution with batch norm for what is left of a map after pooling, also of a single image."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv


class PooledConv(Conv):  # type: ignore[misc]  # Ultralytics is not typed
    """Ultralytics' 1x1 Conv for pooled maps: a single cell, which has no statistics, is normed by the running ones.

    Args:
        c1: Channels of the input.
        c2: Channels of the output.
        act: The activation, True for the model's, False for none.
        bias: Give the convolution a bias beside the batch norm.

    Shapes:
        x: (B, c1, 1, 1); output (B, c2, 1, 1).
    """

    def __init__(self, c1: int, c2: int, act: nn.Module | bool = True, bias: bool = False) -> None:
        super().__init__(c1, c2, 1, act=act)
        if bias:
            self.conv = nn.Conv2d(c1, c2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a pooled map."""
        y: Tensor
        if self.training and x.shape[0] * x.shape[2] * x.shape[3] == 1:
            norm = self.bn
            y = F.batch_norm(self.conv(x), norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
            y = self.act(y)
        else:
            y = super().forward(x)
        return y
