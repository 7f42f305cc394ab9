# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Haar wavelet transform of maps, and back. The number of channels is given, so that exports hold a constant."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def to_bands(x: Tensor, channels: int) -> Tensor:
    """Mean and differences of each 2x2 cells [[a, b], [d, e]]: (B, C, H, W) of even sizes to (B, 4C, H/2, W/2).

    The four bands of a channel follow each other: ``(a+b+d+e)/2``, ``(a+b-d-e)/2`` (top minus bottom), ``(a-b+d-e)/2``
    (left minus right), ``(a-b-d+e)/2``.
    """
    return F.conv2d(x, _filters(channels, x), stride=2, groups=channels)


def from_bands(bands: Tensor, channels: int) -> Tensor:
    """The inverse of :func:`to_bands`: (B, 4C, h, w) to (B, C, 2h, 2w)."""
    return F.conv_transpose2d(bands, _filters(channels, bands), stride=2, groups=channels)


def first_cells(bands: Tensor, channels: int) -> Tensor:
    """Every second row and column of :func:`from_bands`: (B, 4C, h, w) to (B, C, h, w)."""
    return torch.unflatten(bands, 1, (channels, 4)).sum(2) / 2


def _filters(channels: int, like: Tensor) -> Tensor:
    """The four filters, once for each channel: (4C, 1, 2, 2). Sums of slices would take a CPU longer than these."""
    signs = [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0], [1.0, -1.0, -1.0, 1.0]]
    filters = torch.tensor(signs, dtype=like.dtype, device=like.device) / 2
    return filters.view(4, 1, 2, 2).repeat(channels, 1, 1, 1)
