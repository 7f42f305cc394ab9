# SPDX-License-Identifier: AGPL-3.0-or-later
"""A depthwise convolution that reaches far: small kernels on the map and on its wavelet bands, coarser and coarser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.haar import first_cells, from_bands, to_bands
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.layers.windows import pad_to_multiple


class WaveletConv(nn.Module):
    """Depthwise k x k convolutions of a map and of its Haar bands on several levels, summed up.

    Args:
        channels: Channels C.
        kernel: Side k of all kernels, odd.
        levels: How often the map is halved.
        stride: 2 keeps every second row and column; only these are computed at full size.
        bias: Give the convolution of the map itself a bias.

    Shapes:
        x: (B, C, H, W); output the same, or of half the size, odd sizes rounded up.
    """

    def __init__(self, channels: int, kernel: int = 5, levels: int = 1, stride: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride
        self.base = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=bias)
        self.base_scale = nn.Parameter(torch.ones(channels))
        wide = 4 * channels
        self.bands = nn.ModuleList(
            nn.Conv2d(wide, wide, kernel, padding=kernel // 2, groups=wide, bias=False) for _ in range(levels)
        )
        self.band_scales = nn.ParameterList(nn.Parameter(torch.full((wide,), 0.1)) for _ in range(levels))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a map."""
        sizes, convolved = [], []
        low = x
        for conv, scale in zip(self.bands, self.band_scales, strict=True):
            sizes.append(low.shape[2:])
            if is_tracing() or low.shape[2] % 2 or low.shape[3] % 2:
                low = pad_to_multiple(low, 2)
            bands = to_bands(low, self.channels)
            low = bands[:, ::4]  # before its convolution
            convolved.append(_scaled(conv, bands, scale))
        y: Tensor | None = None
        for level in range(len(sizes) - 1, -1, -1):
            bands, (height, width) = convolved[level], sizes[level]
            if y is not None:
                split = torch.unflatten(bands, 1, (self.channels, 4))
                bands = torch.cat([(split[:, :, 0] + y).unsqueeze(2), split[:, :, 1:]], 2).flatten(1, 2)
            if level == 0 and self.stride == 2:
                y = first_cells(bands, self.channels)
            else:
                y = from_bands(bands, self.channels)[:, :, :height, :width]
        base = _scaled(self.base, x, self.base_scale, self.stride)
        return base if y is None else base + y.to(base.dtype)


def _scaled(conv: Any, x: Tensor, scale: Tensor, stride: int = 1) -> Tensor:
    """A depthwise convolution times a number per channel, which its weights take instead of the whole map."""
    weight = conv.weight * scale.view(-1, 1, 1, 1)
    bias = None if conv.bias is None else conv.bias * scale
    y: Tensor = F.conv2d(x, weight, bias, stride, conv.padding, groups=conv.groups)
    return y
