# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Haar wavelet transform of maps, by sums of neighbouring cells: no filters, no constants in exported graphs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def to_bands(x: Tensor) -> Tensor:
    """Mean and differences of each 2x2 cells [[a, b], [d, e]]: (B, C, H, W) of even sizes to (B, 4C, H/2, W/2).

    The four bands of a channel follow each other: ``(a+b+d+e)/2``, ``(a+b-d-e)/2`` (top minus bottom), ``(a-b+d-e)/2``
    (left minus right), ``(a-b-d+e)/2``.
    """
    cells = torch.unflatten(F.pixel_unshuffle(x, 2), 1, (x.shape[1], 4))  # (B, C, 4, H/2, W/2)
    return _butterfly(cells).flatten(1, 2)


def from_bands(bands: Tensor) -> Tensor:
    """The inverse of :func:`to_bands`: (B, 4C, h, w) to (B, C, 2h, 2w)."""
    bands = torch.unflatten(bands, 1, (bands.shape[1] // 4, 4))
    return F.pixel_shuffle(_butterfly(bands).flatten(1, 2), 2)


def first_cells(bands: Tensor) -> Tensor:
    """Every second row and column of :func:`from_bands`: (B, 4C, h, w) to (B, C, h, w)."""
    return torch.unflatten(bands, 1, (bands.shape[1] // 4, 4)).sum(2) / 2


def _butterfly(x: Tensor) -> Tensor:
    """The orthogonal matrix of the transform, its own inverse, over axis 2: (B, C, 4, h, w), same shape."""
    a, b, d, e = (x * 0.5).unbind(2)
    top, bottom, left, right = a + b, d + e, a - b, d - e
    return torch.stack([top + bottom, top - bottom, left + right, left - right], 2)
