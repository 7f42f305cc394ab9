# SPDX-License-Identifier: AGPL-3.0-or-later
"""ECA: a gate per channel from the means of its neighbours in the list of channels."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.gates import gated
from yolo_fine.layers.views import Bars, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, OddFrom1

PAPER = "https://arxiv.org/abs/1910.03151"


@block(inputs=1, out="same", kind="refine", paper=PAPER, aliases=("ECAAttention", "ECALayer", "ECAModule"))
class ECA(nn.Module):
    """Efficient channel attention: ``x · σ(Conv1d(mean(x)))``, the convolution running over the channels.

    "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks", CVPR 2020 (arXiv 1910.03151), the
    authors' code. One filter without bias, zero padded. It reads channels by their order, which training decides.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(ECA(x) - x)``. ``gain=None`` is the
    paper's form without g (it scales features by about 0.5). The gain is ours.

    Cost: k parameters (+ C gains): 5 (+128) at C = 128.

    Args:
        channels: Channels C.
        kernel: Width k of the filter, odd. None takes the paper's rule (see :func:`eca_kernel`): 3 for 64 channels, 5
            for 128 to 512; the authors' code states 3 everywhere.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, kernel: OddFrom1 | None = None, gain: Gain | None = 0.0) -> None:
        super().__init__()
        kernel = eca_kernel(channels) if kernel is None else kernel
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate the channels of ``x``."""
        return gated(x, self._gate(x), self.gain)

    def views(self, x: Tensor) -> Iterator[View]:
        """The gates of the channels."""
        yield Bars("gates of channels", self._gate(x), neutral=1.0)

    def _gate(self, x: Tensor) -> Tensor:
        """(B, C)."""
        gate: Tensor = self.conv(x.mean((2, 3)).unsqueeze(1)).squeeze(1).sigmoid()  # (B, C) -> (B, 1, C) -> (B, C)
        return gate


def eca_kernel(channels: int) -> int:
    """The paper's width: ``(log2 C + 1) / 2``, rounded down, then up to an odd number."""
    width = int(abs((math.log2(channels) + 1) / 2))
    return width if width % 2 else width + 1
