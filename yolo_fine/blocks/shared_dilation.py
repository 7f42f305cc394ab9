# SPDX-License-Identifier: AGPL-3.0-or-later
"""SharedDilation: one kernel looks at several distances."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, MultipleOf2, Rates

PAPER = "https://arxiv.org/abs/1901.01892"


@block(inputs=1, out="same", kind="context", paper=PAPER, origin="adaptation", aliases=("TridentBlock",))
class SharedDilation(nn.Module):
    """Trident style: one 3x3 kernel run with several dilations, the results averaged.

    ADAPTATION of "Scale-Aware Trident Networks for Object Detection", ICCV 2019 (arXiv 1901.01892): TridentNet shares
    a kernel among three branches of different dilation but keeps the branches apart up to the heads and trains each
    with objects of its scale. Here they are averaged inside one block:
    ``block = act(x + Conv1x1(mean_d act(BN(Conv3x3_d(Conv1x1(x; to C/2)))); to C))``, the activation being the model's.
    The shared batch norm takes its statistics over all dilations together, so that training and running ones agree.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``.

    Cost: 53 760 parameters (+ C gains), 0.813 GMACs at 128@80x80.

    Args:
        channels: Channels C, an even number.
        dilations: The rates.
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: MultipleOf2, dilations: Rates = (1, 2, 3), gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.reduce = Conv(channels, channels // 2, 1)
        self.shared = SharedConv(channels // 2, tuple(dilations))
        self.merge = Conv(channels // 2, channels, 1, act=False)
        self.act = Conv.default_act
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Add context to ``x``."""
        y = self.act(x + self.merge(self.shared(self.reduce(x))))
        return self.gain(x, y)


class SharedConv(Conv):  # type: ignore[misc]  # Ultralytics is not typed
    """The mean over several dilations of one Conv, for maps (B, C, H, W)."""

    def __init__(self, channels: int, dilations: tuple[int, ...]) -> None:
        super().__init__(channels, channels, 3)
        self.dilations = dilations

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with every dilation, norm all together, and average."""
        y = self.act(self.bn(torch.cat([self._convolve(x, rate) for rate in self.dilations])))  # (rates·B, C, H, W)
        return torch.unflatten(y, 0, (len(self.dilations), -1)).mean(0)

    def forward_fuse(self, x: Tensor) -> Tensor:
        """The same without the norm, which Ultralytics' fuse() has merged into the kernel."""
        y: Tensor = sum(self.act(self._convolve(x, rate)) for rate in self.dilations) / len(self.dilations)
        return y

    def _convolve(self, x: Tensor, rate: int) -> Tensor:
        return F.conv2d(x, self.conv.weight, self.conv.bias, padding=rate, dilation=rate)
