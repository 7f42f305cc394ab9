# SPDX-License-Identifier: AGPL-3.0-or-later
"""CARAFE: an upsampler that predicts, for every output cell, how to blend the cells around it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from yolo_fine.layers.gain import ResidualGain, nearest
from yolo_fine.layers.reassembly import reassemble
from yolo_fine.layers.softmax import softmax
from yolo_fine.layers.views import View, kernel_points
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Odd, Positive, Scale


@block(inputs=1, out="same", kind="upsample", paper="https://arxiv.org/abs/1905.02188", aliases=("CARAFEPack",))
class CARAFE(nn.Module):
    """Content-aware reassembly of features.

    "CARAFE: Content-Aware ReAssembly of FEatures" (ICCV 2019, arXiv 1905.02188), as the authors' code in mmcv with one
    group and without dilation; it reproduces that code's tensors.

    1. A 1x1 convolution compresses C to ``hidden`` channels.
    2. A 3x3 convolution makes k² numbers for each of the r² output cells of an input cell; their softmax is a kernel.
    3. Each output cell is the sum, under its kernel, of the k x k input cells around the one it lies in (zeros outside
       the map). The window is not unfolded: k² shifted views are accumulated.

    At init: nearly the mean of the window, as published (the kernels' weights have a standard deviation of 0.001),
    which is not what the ``nn.Upsample`` of a stock YAML does. With ``gain=0.0`` the output equals nearest upsampling
    to the bit: ``nearest(x) + g·(CARAFE(x) - nearest(x))``. The gain is ours.

    Cost: 65 956 parameters (+ C gains) and 0.105 GMACs, + 0.020 of weighted sums, at 128@40x40 -> 80x80.

    Args:
        channels: Channels C.
        scale: Factor r.
        kernel: Side k of the window.
        hidden: Channels from which the kernels are made.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: (B, C, H, W); output (B, C, rH, rW). Kernels and sums are computed in float32 and cast back.
    """

    def __init__(
        self, channels: int, scale: Scale = 2, kernel: Odd = 5, hidden: Positive = 64, *, gain: Gain | None = None
    ) -> None:
        super().__init__()
        self.scale, self.kernel = scale, kernel
        self.compress = nn.Conv2d(channels, hidden, 1)
        self.encode = nn.Conv2d(hidden, kernel**2 * scale**2, 3, padding=1)
        nn.init.xavier_uniform_(self.compress.weight)
        nn.init.normal_(self.encode.weight, std=0.001)
        for layer in (self.compress, self.encode):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Upsample a map."""
        y = reassemble(x, self._kernels(x), self.kernel, self.scale)
        return y if self.gain.weight is None else self.gain(nearest(x, self.scale), y)

    def views(self, x: Tensor) -> Iterator[View]:
        """The kernel of each output cell."""
        yield kernel_points("kernels", self._kernels(x), self.kernel, self.scale)

    def _kernels(self, x: Tensor) -> Tensor:
        """One kernel for each output cell: (B, k², r², H, W)."""
        logits = self.encode(self.compress(x)).float()  # (B, k²r², H, W)
        return softmax(torch.unflatten(logits, 1, (self.kernel**2, self.scale**2)), 1)
