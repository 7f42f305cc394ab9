# SPDX-License-Identifier: AGPL-3.0-or-later
"""WTConv: a depthwise convolution with the reach of a large one, by wavelets; and a downsampler made of it."""

from __future__ import annotations

from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.wavelet_conv import WaveletConv
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Odd, Positive

PAPER = "https://arxiv.org/abs/2407.05848"


@block(inputs=1, out="same", kind="conv", paper=PAPER, aliases=("WTConv2d", "WaveletConv"))
class WTConv(nn.Module):
    """Wavelet convolution: depthwise k x k on the map and on its Haar bands, level below level.

    "Wavelet Convolutions for Large Receptive Fields", ECCV 2024 (arXiv 2407.05848), the authors' code:

    1. Each level cuts the map into four bands of half the size: mean, top - bottom, left - right, diagonal. The next
       level cuts the mean.
    2. A depthwise k x k convolution and a scale (0.1 at first) for each band.
    3. Back up: the result of a level is added to the mean of the one above, and the inverse transform joins them.
    4. The output is ``scale · Conv_kxk(x)`` plus what has come up.

    It reaches k·2^levels cells and mixes no channels.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(WTConv(x) - x)``. ``gain=None`` is the
    paper's form: random blurs. The gain is ours.

    Cost: ``C(k² + 1) + C + levels·4C(k² + 1)`` parameters (+ C gains): 16 768, 30 080, 43 392 with 1, 2, 3 levels, and
    0.048, 0.054, 0.056 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        kernel: Side k of all kernels.
        levels: How often the map is halved.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same. Odd sizes are filled up with zeros level by level.
    """

    def __init__(self, channels: int, kernel: Odd = 5, levels: Positive = 1, gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.conv = WaveletConv(channels, kernel, levels)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a map."""
        return self.gain(x, self.conv(x))


@block(inputs=1, out="arg", kind="downsample", paper=PAPER, origin="adaptation")
class WTDown(nn.Module):
    """A wavelet convolution of stride 2, then a 1x1 convolution with batch norm and activation.

    ADAPTATION. WTConv (arXiv 2407.05848) has a stride but keeps the channels; its authors put a 1x1 convolution behind
    it. Here the two are a downsampler that sees k·2^levels cells at the price of a depthwise one. Where to use it is
    ours. Cells that the stride drops are not computed.

    At init: no identity, and it can't take over a pretrained convolution.

    Cost: ``c1(k² + 1) + c1 + levels·4·c1(k² + 1) + c1·c2 + 2·c2`` parameters: 16 832 and 0.110 GMACs at 64@160x160 ->
    128@80x80, a quarter of the 0.472 GMACs of a 3x3 convolution of stride 2.

    Args:
        c1: Channels of the input.
        c2: Channels of the output.
        kernel: Side k of all kernels.
        levels: How often the map is halved.

    Shapes:
        x: (B, c1, H, W); output (B, c2, H/2, W/2), odd sizes rounded up.
    """

    def __init__(self, c1: int, c2: int, kernel: Odd = 5, levels: Positive = 1) -> None:
        super().__init__()
        self.depthwise = WaveletConv(c1, kernel, levels, stride=2)
        self.pointwise = Conv(c1, c2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the size of a map."""
        y: Tensor = self.pointwise(self.depthwise(x))
        return y
