# SPDX-License-Identifier: AGPL-3.0-or-later
"""MS-CAM: a gate from every position and from the whole map."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.scale_attention import MultiScaleChannelAttention
from yolo_fine.layers.views import Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction


@block(inputs=1, out="same", kind="refine", paper="https://arxiv.org/abs/2009.14082")
class MSCAM(MultiScaleChannelAttention):
    """Multi-scale channel attention module: ``x · σ(L(x) + G(mean(x)))``.

    "Attentional Feature Fusion", WACV 2021 (arXiv 2009.14082, section 3), the authors' code. L and G are alike:
    1x1 convolution to C/r, batch norm, ReLU, 1x1 convolution to C, batch norm, with biases; G works on one cell. In
    training with one image that cell has no statistics: there, and only there, G uses its running ones (ours; the
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
    """

    def __init__(self, channels: int, reduction: Reduction = 4, gain: Gain | None = 0.0) -> None:
        super().__init__(channels, reduction)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``x``."""
        y = x * super().forward(x)
        return self.gain(x, y)

    def views(self, x: Tensor) -> Iterator[View]:
        """The gate, in the mean of the channels."""
        yield Heat("gate of positions", super().forward(x), neutral=1.0)
