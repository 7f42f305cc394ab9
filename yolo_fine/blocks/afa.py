# SPDX-License-Identifier: AGPL-3.0-or-later
"""AFA: spatial attention of the shallow map and channel attention of the deep one decide what is taken of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.equal_maps import projection, require_equal_sizes
from yolo_fine.layers.gain import ResidualGain, lerp
from yolo_fine.layers.pooled_conv import PooledConv
from yolo_fine.layers.views import Bars, Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction


@block(inputs=("high", "low"), out="low", kind="fuse", paper="https://arxiv.org/abs/2111.00770")
class AFA(nn.Module):
    """Attentive feature aggregation: ``a·(1-m)·low + (1-a)·m·high``.

    "Attentive Feature Aggregation", WACV 2023 (arXiv 2111.00770), the binary fusion of the authors' code:

    * ``a = σ(Conv1x1(CBR3x3(CBR3x3(low))))``, one value per position (CBR: convolution, batch norm, ReLU).
    * ``m = σ(F(max high) + F(mean high))``, one value per channel; F is one 1x1 CBR to C/r and a 1x1 convolution back.

    No convolution has a bias. F's batch norm sees the maximum first, then the mean. In training with one image that
    single cell has no statistics: there, and only there, the batch norm uses its running ones (ours). ``high`` comes
    upsampled to the size of ``low``; if its channels differ it is projected by a 1x1 convolution with batch norm, so
    that the block can stand where Concat stood. Weights start as PyTorch's do; the authors draw those of the batch
    norms between 0 and 1.

    At init: no identity; near a quarter of ``low + high``. With ``gain=0.0`` the output equals ``low`` to the bit, for
    a place in front of a Concat: ``low + g·(AFA - low)``. The gain is ours.

    Cost: 18C² + 5C + 2C·h + 2h parameters with C = c_low and h = C/r: 297 616 and 1.89 GMACs at 128@80x80, nearly all
    in the two 3x3 convolutions; a projection adds c_high·C + 2C.

    Args:
        c_high: Channels of ``high``.
        c_low: Channels of ``low``.
        reduction: Ratio r; the hidden layer of F has C/r channels, rounded down, at least 1.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: [high (B, c_high, H, W), low (B, c_low, H, W)]; output as ``low``.

    Raises:
        BlockArgumentError: The maps differ in size.
    """

    def __init__(self, c_high: int, c_low: int, reduction: Reduction = 16, *, gain: Gain | None = None) -> None:
        super().__init__()
        hidden = max(1, c_low // reduction)
        self.project = projection(c_high, c_low)
        self.spatial = nn.Sequential(
            Conv(c_low, c_low, 3, act=nn.ReLU()),
            Conv(c_low, c_low, 3, act=nn.ReLU()),
            nn.Conv2d(c_low, 1, 1, bias=False),
        )
        self.channel = nn.Sequential(PooledConv(c_low, hidden, nn.ReLU()), nn.Conv2d(hidden, c_low, 1, bias=False))
        self.gain = ResidualGain(c_low, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Take from each map what the attentions say."""
        require_equal_sizes(self, x)
        high, low = self.project(x[0]).to(x[1].dtype), x[1]
        a, m = (gate.to(low.dtype) for gate in self._gates(high, low))
        y = lerp(m * high, (1 - m) * low, a)
        return self.gain(low, y)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """What each map counts: by position, and by channel."""
        a, m = self._gates(self.project(x[0]), x[1])
        yield Heat("share of the fine map", a, neutral=0.5)
        yield Bars("share of the coarse map, by channel", m.flatten(1), neutral=0.5)

    def _gates(self, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        """A (B, 1, H, W) and m (B, C, 1, 1)."""
        peak = self.channel(high.amax((2, 3), keepdim=True))  # (B, C, H, W) -> (B, C, 1, 1)
        return self.spatial(low).sigmoid(), (peak + self.channel(high.mean((2, 3), keepdim=True))).sigmoid()
