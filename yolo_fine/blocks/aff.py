# SPDX-License-Identifier: AGPL-3.0-or-later
"""AFF and iAFF: two maps mixed, position by position and channel by channel, by attention to their sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from yolo_fine.layers.equal_maps import projection, require_equal_sizes
from yolo_fine.layers.gain import ResidualGain, lerp
from yolo_fine.layers.scale_attention import MultiScaleChannelAttention
from yolo_fine.layers.views import Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, PositiveNumber, Reduction

PAPER = "https://arxiv.org/abs/2009.14082"


@block(inputs=("high", "low"), out="low", kind="fuse", paper=PAPER)
class AFF(nn.Module):
    """Attentional feature fusion: ``scale·(w·low + (1-w)·high)`` with ``w = M(low + high)``.

    "Attentional Feature Fusion", WACV 2021 (arXiv 2009.14082, section 4.1), the authors' code. M is the gate of
    :class:`MSCAM`, with its rule for single images in training. ``high`` comes upsampled to the size of ``low``; if
    its channels differ it is projected by a 1x1 convolution with batch norm (ours), so that the block can stand where
    Concat stood. That w belongs to ``low`` is our choice; only the sign of the gate's logits depends on it.

    At init: no identity; near ``low + high``. With ``gain=0.0`` the output equals ``low`` to the bit, for a place in
    front of a Concat: ``low + g·(AFF - low)``; the gain is ours. In Concat's own place, behind it a convolution that
    read Concat's channels starts afresh.

    Cost: 4C·(C/r) + 6·(C/r) + 6C parameters with C = c_low: 17 344 and 0.052 GMACs at 128@80x80; a projection adds
    c_high·C + 2C.

    Args:
        c_high: Channels of ``high``.
        c_low: Channels of ``low``.
        reduction: Ratio r; the hidden layers have C/r channels, rounded down, at least 1.
        scale: Factor on the output: 2 in both of the authors' code bases, which keeps the size of a sum; 1 in the
            paper's equation.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: [high (B, c_high, H, W), low (B, c_low, H, W)]; output as ``low``.

    Raises:
        BlockArgumentError: The maps differ in size.
    """

    def __init__(
        self,
        c_high: int,
        c_low: int,
        reduction: Reduction = 4,
        scale: PositiveNumber = 2.0,
        *,
        gain: Gain | None = None,
    ) -> None:
        super().__init__()
        self.scale = float(scale)
        self.project = projection(c_high, c_low)
        self.attention = MultiScaleChannelAttention(c_low, reduction)
        self.gain = ResidualGain(c_low, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Mix the two maps."""
        require_equal_sizes(self, x)
        high, low = self.project(x[0]).to(x[1].dtype), x[1]
        y = self.scale * lerp(high, low, self.attention(low + high))
        return self.gain(low, y)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """What the fine map counts at each position."""
        high, low = self.project(x[0]), x[1]
        yield Heat("share of the fine map", self.attention(low + high), neutral=0.5)


@block(inputs=("high", "low"), out="low", kind="fuse", paper=PAPER)
class iAFF(nn.Module):
    """Iterative attentional feature fusion: AFF whose gate looks at the result of a first fusion.

    "Attentional Feature Fusion", WACV 2021 (arXiv 2009.14082, section 4.2): ``z = w1·low + (1-w1)·high`` with
    ``w1 = M1(low + high)``, then ``w2·low + (1-w2)·high`` with ``w2 = M2(z)``; no factor 2. M2 has both branches, as in
    the paper and the authors' MXNet code; their PyTorch port calls M1's pooled branch again and leaves M2's unused.
    The rest is as in :class:`AFF`.

    At init: no identity; near the mean of ``low`` and ``high``. With ``gain=0.0`` the output equals ``low`` to the bit,
    for a place in front of a Concat: ``low + g·(iAFF - low)``; the gain is ours. In Concat's own place, behind it a
    convolution that read Concat's channels starts afresh.

    Cost: 2·(4C·(C/r) + 6·(C/r) + 6C) parameters with C = c_low: 34 688 and 0.105 GMACs at 128@80x80; a projection
    adds c_high·C + 2C.

    Args:
        c_high: Channels of ``high``.
        c_low: Channels of ``low``.
        reduction: Ratio r; the hidden layers have C/r channels, rounded down, at least 1.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: [high (B, c_high, H, W), low (B, c_low, H, W)]; output as ``low``.

    Raises:
        BlockArgumentError: The maps differ in size.
    """

    def __init__(self, c_high: int, c_low: int, reduction: Reduction = 4, *, gain: Gain | None = None) -> None:
        super().__init__()
        self.project = projection(c_high, c_low)
        self.first = MultiScaleChannelAttention(c_low, reduction)
        self.second = MultiScaleChannelAttention(c_low, reduction)
        self.gain = ResidualGain(c_low, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Mix the two maps twice."""
        require_equal_sizes(self, x)
        high, low = self.project(x[0]).to(x[1].dtype), x[1]
        mixed = lerp(high, low, self.first(low + high))
        y = lerp(high, low, self.second(mixed))
        return self.gain(low, y)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """What the fine map counts at each position, in both turns."""
        high, low = self.project(x[0]), x[1]
        first = self.first(low + high)
        yield Heat("share of the fine map, first turn", first, neutral=0.5)
        yield Heat("share of the fine map", self.second(lerp(high, low, first)), neutral=0.5)
