# SPDX-License-Identifier: AGPL-3.0-or-later
"""HyperFusion: a map and its finer and coarser neighbour, each normalised, in one map of the middle size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import doubles, require_sizes
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain


class CellNorm(nn.Module):
    """``x / sqrt(Σ_c x² + eps) · weight``: every cell's channels have one length, in float32.

    Args:
        channels: Channels C; ``weight`` has shape (C,) and starts as √C, which makes the mean square 1.
        eps: Added to the sum of squares.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps, self.channels = eps, channels
        self.weight = nn.Parameter(torch.full((channels,), math.sqrt(channels)))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise every cell."""
        wide = x.float()
        # Means, which stay in range where everything is turned into float16.
        scale = torch.rsqrt(wide.square().mean(1, keepdim=True) + self.eps / self.channels)
        return (wide * scale * (self.weight.float() / math.sqrt(self.channels)).view(-1, 1, 1)).to(x.dtype)


class LevelFusion(nn.Module):
    """The body of :class:`HyperFusion`, for any number of levels from fine to coarse and any width of the output.

    Args:
        channels: Channels of the maps, the finest first; each has half the size of the one before.
        c_out: Channels of the output.
        target: Which map gives the size.
        up: How coarser maps are enlarged: ``nearest``, or ``deconv`` (a transposed convolution for each channel).
    """

    def __init__(self, channels: Sequence[int], c_out: int, *, target: int, up: str) -> None:
        super().__init__()
        self.target = target
        self.norms = nn.ModuleList(CellNorm(c) for c in channels)
        coarser = [(c, 2 ** (i - target)) for i, c in enumerate(channels) if i > target]
        self.enlarge = nn.ModuleList(bilinear(c, factor) for c, factor in coarser) if up == "deconv" else None
        self.merge = Conv(sum(channels), c_out, 1)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Bring all maps to the target's size, normalise and merge them."""
        height, width = x[self.target].shape[2:]
        maps = []
        for i, (one, norm) in enumerate(zip(x, self.norms, strict=True)):
            if i <= self.target:
                factor = 2 ** (self.target - i)
                maps.append(norm(F.max_pool2d(one, factor, ceil_mode=True) if factor > 1 else one))
            elif self.enlarge is None:  # every cell by itself: before it is repeated
                maps.append(F.interpolate(norm(one), size=(height, width), mode="nearest"))
            else:
                maps.append(norm(self.enlarge[i - self.target - 1](one)[:, :, :height, :width]))
        merged: Tensor = self.merge(torch.cat([one.to(x[self.target].dtype) for one in maps], dim=1))
        return merged


@block(
    inputs=("deep", "mid", "shallow"),
    out="mid",
    kind="fuse",
    paper="https://arxiv.org/abs/1604.00600",
    origin="reconstruction",
    strides=(2, 1, 0.5),
    aliases=("HyperNet", "ION", "HyperFeature"),
)
class HyperFusion(LevelFusion):
    """Three neighbouring levels, every cell of each normalised, merged by one 1x1 convolution at the middle size.

    RECONSTRUCTION after two systems of 2016, neither of which has code for PyTorch: HyperNet (arXiv 1604.00600) brings
    a finer map down by max pooling and a coarser one up by a transposed convolution, and concatenates the three; ION
    ("Inside-Outside Net", arXiv 1512.04143) normalises what it takes from each layer to length 1, scales it, and
    reduces the concatenation by a 1x1 convolution. Only abstracts and accounts of others could be read. Ours are:
    normalising each cell behind the resizing, a learnt factor a channel, no local response normalisation, batch norm
    and SiLU behind the 1x1 convolution, and ``up="nearest"``.

    ``block = SiLU(BN(Conv1x1(concat[n(maxpool2(shallow)), n(mid), n(up2(deep))])))`` with
    ``n(x) = γ·x / sqrt(Σ_c x² + 1e-6)``. The output is added to nothing: it takes the place of ``mid``.

    At init: with ``gain=0.0`` the output equals ``mid`` to the bit: ``mid + g·(block - mid)``.

    Cost: ``Σc·(c_mid + 1) + 2c_mid`` parameters: 58 048 (+ c_mid gains) and 0.367 GMACs at deep 256@40x40, mid
    128@80x80, shallow 64@160x160; ``deconv`` adds 16·c_deep parameters.

    Args:
        c_deep: Channels of ``deep``.
        c_mid: Channels of ``mid``; the output has as many.
        c_shallow: Channels of ``shallow``.
        up: ``nearest``, or ``deconv``: a transposed 4x4 convolution for each channel, which starts as bilinear.
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: [deep (B, c_deep, H/2, W/2), mid (B, c_mid, H, W), shallow (B, c_shallow, 2H, 2W)], odd sizes rounded up as
        stride-2 convolutions do; output as ``mid``.

    Raises:
        BlockArgumentError: The maps are not three neighbouring levels.
    """

    def __init__(
        self,
        c_deep: int,
        c_mid: int,
        c_shallow: int,
        up: Literal["nearest", "deconv"] = "nearest",
        *,
        gain: Gain | None = 0.0,
    ) -> None:
        super().__init__([c_shallow, c_mid, c_deep], c_mid, target=1, up=up)
        self.gain = ResidualGain(c_mid, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Merge the neighbours into ``mid``."""
        deep, mid, shallow = x
        fits = doubles(deep, mid)
        require_sizes(self, fits, "'deep' must have half the height and width of 'mid'", deep=deep, mid=mid)
        fits = doubles(mid, shallow)
        require_sizes(self, fits, "'shallow' must have twice the height and width of 'mid'", shallow=shallow, mid=mid)
        return self.gain(mid, super().forward([shallow, mid, deep]))


def bilinear(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution for each channel that enlarges by ``factor`` and starts as bilinear interpolation."""
    layer = nn.ConvTranspose2d(
        channels, channels, 2 * factor, factor, factor // 2, groups=channels, bias=False
    )  # fmt: skip
    place = (torch.arange(2 * factor) + 0.5) / factor - 1  # of the taps, in input cells from the centre
    taps = 1 - place.abs()
    with torch.no_grad():
        layer.weight.copy_((taps[:, None] * taps).expand_as(layer.weight))
    return layer
