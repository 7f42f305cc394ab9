# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dilated context and three-level fusion after "An advanced YOLOv3 method for small object detection"."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.blocks.cbam import CBAM
from yolo_fine.layers.activations import Mish
from yolo_fine.layers.affine import as_product, merged
from yolo_fine.layers.checks import doubles, halves, require_sizes
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.plainly import computes_plainly
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, MultipleOf4, Rates

PAPER = "https://arxiv.org/abs/2212.02809"


@block(inputs=1, out="same", kind="context", paper=PAPER, origin="reconstruction", aliases=("DCM",))
class DilatedContext(nn.Module):
    """DCM: parallel dilated convolutions with Mish, for context without loss of resolution.

    RECONSTRUCTION. "An advanced YOLOv3 method for small object detection" (arXiv 2212.02809) published no code and only
    its abstract could be read: it names a "dilated convolutions mish" module that fuses maps of different receptive
    fields. Rates, widths and wiring are ours:
    ``y = CBM1x1(x; C to C/4)``, ``CBM3x3(y; dilation r)`` for each rate r, ``block = Mish(x + CB1x1(concat; to C))``
    (C convolution, B batch norm, M Mish).

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``.

    Cost: 57 920 parameters (+ C gains), 0.367 GMACs at 128@80x80.

    Args:
        channels: Channels C, divisible by 4.
        dilations: The rates; 1, 2, 3, 5 cover 3 to 11 cells without gridding.
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: MultipleOf4, dilations: Rates = (1, 2, 3, 5), gain: Gain | None = 0.0) -> None:
        super().__init__()
        hidden = channels // 4
        self.reduce = Conv(channels, hidden, 1, act=Mish())
        self.branches = nn.ModuleList(Conv(hidden, hidden, 3, d=r, act=Mish()) for r in dilations)
        self.merge = Conv(hidden * len(dilations), channels, 1, act=False)
        self.act = Mish()
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Add context to ``x``."""
        if self.training or not computes_plainly(x):
            reduced = self.reduce(x)
            y = self.act(x + self.merge(torch.cat([branch(reduced) for branch in self.branches], dim=1)))
        else:
            reduced = merged(self.reduce, x)
            y = merged(self.merge, torch.cat([merged(branch, reduced) for branch in self.branches], dim=1))
            y = self.act(y.add_(x))
        return self.gain(x, y)


@block(
    inputs=("deep", "mid", "shallow"),
    out="mid",
    kind="fuse",
    paper=PAPER,
    origin="reconstruction",
    strides=(2, 1, 0.5),
    aliases=("DCMFuse",),
)
class DilatedFusion(nn.Module):
    """DCMFuse: a map fused with its coarser and its finer neighbour, the finer one filtered by attention.

    RECONSTRUCTION. "An advanced YOLOv3 method for small object detection" (arXiv 2212.02809) published no code and only
    its abstract could be read: CBAM on the shallow maps against noise, and a multi-scale fusion module. The wiring is
    ours: ``d = up2(CB1x1 deep)``, ``m = CB1x1 mid``, ``s = CBAM(CB3x3/2 shallow)``,
    ``block = CB1x1(concat[d, m, s]; to c_mid)`` (C convolution, B batch norm, no activation).

    At init: with ``gain=0.0`` the output equals ``mid`` to the bit: ``mid + g·(block - mid)``.

    In eval mode the merge is multiplied with the convolutions in front of it, which is exact and saves a fifth of the
    products (on a CPU in float32).

    Cost: 175 340 parameters (+ c_mid gains), 0.944 GMACs at deep 256@40x40, mid 128@80x80, shallow 64@160x160.

    Args:
        c_deep: Channels of ``deep``.
        c_mid: Channels of ``mid``.
        c_shallow: Channels of ``shallow``.
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: [deep (B, c_deep, H/2, W/2), mid (B, c_mid, H, W), shallow (B, c_shallow, 2H, 2W)], odd sizes rounded up as
        stride-2 convolutions do; output as ``mid``.

    Raises:
        BlockArgumentError: The maps are not three neighbouring levels.
    """

    def __init__(self, c_deep: int, c_mid: int, c_shallow: int, gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.deep = Conv(c_deep, c_mid, 1, act=False)
        self.mid = Conv(c_mid, c_mid, 1, act=False)
        self.shallow = Conv(c_shallow, c_mid, 3, 2, act=False)
        self.filter = CBAM(c_mid, gain=None)
        self.merge = Conv(3 * c_mid, c_mid, 1, act=False)
        self.gain = ResidualGain(c_mid, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Fuse the neighbours into ``mid``."""
        deep, mid, shallow = x
        fits = halves(deep, mid)
        require_sizes(self, fits, "'deep' must have half the height and width of 'mid'", deep=deep, mid=mid)
        fits = doubles(mid, shallow)
        require_sizes(self, fits, "'shallow' must have twice the height and width of 'mid'", shallow=shallow, mid=mid)
        plainly = not self.training and computes_plainly(mid)
        filtered = merged(self.shallow, shallow) if plainly else self.shallow(shallow)  # (B, c_mid, H, W)
        filtered = self.filter(filtered)
        if not plainly:
            above = F.interpolate(self.deep(deep), size=mid.shape[2:], mode="nearest")
            y = self.merge(torch.cat([above, self.mid(mid), filtered], dim=1))
        else:
            y = self._merge_products(deep, mid, filtered)
        return self.gain(mid, y)

    def _merge_products(self, deep: Tensor, mid: Tensor, filtered: Tensor) -> Tensor:
        """The merge in eval mode, where 1x1 convolutions and their norms are matrices: products of matrices first.

        What comes from ``deep`` is a product of the small map, upsampled afterwards; nothing is concatenated.
        """
        weight, bias = as_product(self.merge)
        parts = weight.chunk(3, dim=1)
        inner = [as_product(self.deep), as_product(self.mid)]
        bias = bias + sum(part @ offset for part, (_, offset) in zip(parts, inner, strict=False))
        above, own = (part @ matrix for part, (matrix, _) in zip(parts, inner, strict=False))
        y = F.conv2d(mid, own[:, :, None, None], bias)
        y += F.conv2d(filtered, parts[2][:, :, None, None])
        y += F.interpolate(F.conv2d(deep, above[:, :, None, None]), size=mid.shape[2:], mode="nearest")
        return y
