# SPDX-License-Identifier: AGPL-3.0-or-later
"""SE: a gate per channel from the means of all channels."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.gates import gated
from yolo_fine.layers.views import Bars, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction

PAPER = "https://arxiv.org/abs/1709.01507"


@block(inputs=1, out="same", kind="refine", paper=PAPER, aliases=("SEAttention", "SEBlock", "SELayer", "SEModule"))
class SE(nn.Module):
    """Squeeze-and-excitation: ``x · σ(W₂ ReLU(W₁ mean(x)))``.

    "Squeeze-and-Excitation Networks", CVPR 2018 (arXiv 1709.01507); compared with the module of
    moskomule/senet.pytorch. Both layers have no bias.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(SE(x) - x)``. ``gain=None`` is the
    paper's form without g (it scales features by about 0.5). The gain is ours.

    Cost: 2C·(C/r) parameters (+ C gains): 2 048 (+128) at C = 128.

    Args:
        channels: Channels C.
        reduction: Ratio r; the hidden layer has C/r values, rounded down, at least 1.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, reduction: Reduction = 16, gain: Gain | None = 0.0) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gate the channels of ``x``."""
        return gated(x, self._gate(x), self.gain)

    def views(self, x: Tensor) -> Iterator[View]:
        """The gates of the channels."""
        yield Bars("gates of channels", self._gate(x), neutral=1.0)

    def _gate(self, x: Tensor) -> Tensor:
        """(B, C)."""
        gate: Tensor = self.excite(F.relu(self.squeeze(x.mean((2, 3))))).sigmoid()
        return gate
