# SPDX-License-Identifier: AGPL-3.0-or-later
"""MS-CAM: a gate from every position and from the whole map, and the layers that make it."""

from __future__ import annotations

from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.blocks.checks import require_gain, require_positive
from yolo_fine.blocks.gain import ResidualGain
from yolo_fine.blocks.pooled_conv import PooledConv
from yolo_fine.registry import block


class BiasedConv(Conv):
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
        return (self.local(x) + self.pooled(x.mean((2, 3), keepdim=True))).sigmoid().to(x.dtype)


@block(inputs=1, out="same", kind="refine", paper="https://arxiv.org/abs/2009.14082")
class MSCAM(MultiScaleChannelAttention):
    """Multi-scale channel attention module: ``x · σ(L(x) + G(mean(x)))``.

    "Attentional Feature Fusion", WACV 2021 (arXiv 2009.14082, section 3), the authors' code. L and G are alike:
    1x1 convolution to C/r, batch norm, ReLU, 1x1 convolution to C, batch norm, with biases; G works on one cell. In
    training with one picture that cell has no statistics: there, and only there, G uses its running ones (ours; the
    authors' code raises an error).

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(MSCAM(x) - x)``. ``gain=None`` is the
    paper's form without g (it scales features by about 0.5). The gain is ours.

    Cost: 4C·(C/r) + 6·(C/r) + 6C parameters (+ C gains): 17 344 (+128) and 0.052 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        reduction: Ratio r; the hidden layers have C/r channels, rounded down, at least 1.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.

    Raises:
        BlockArgumentError: ``reduction`` is no positive integer, or ``gain`` is no number.
    """

    def __init__(self, channels: int, reduction: int = 4, gain: float | None = 0.0) -> None:
        require_positive("MSCAM", "reduction", reduction)
        require_gain("MSCAM", gain)
        super().__init__(channels, reduction)
        self.gain = None if gain is None else ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x``."""
        y = x * super().forward(x)
        return y if self.gain is None else self.gain(x, y)
