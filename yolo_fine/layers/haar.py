# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Haar wavelet transform of maps, by sums of neighbouring cells: no filters, no constants in exported graphs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def to_bands(x: Tensor) -> Tensor:
    """Mean and differences of each 2x2 cells [[a, b], [d, e]]: (B, C, H, W) of even sizes to (B, 4C, H/2, W/2).

    The four bands of a channel follow each other: ``(a+b+d+e)/2``, ``(a+b-d-e)/2`` (top minus bottom), ``(a-b+d-e)/2``
    (left minus right), ``(a-b-d+e)/2``.
    """
    cells = [x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return _butterfly(cells).flatten(1, 2)


def from_bands(bands: Tensor) -> Tensor:
    """The inverse of :func:`to_bands`: (B, 4C, h, w) to (B, C, 2h, 2w)."""
    bands = torch.unflatten(bands, 1, (bands.shape[1] // 4, 4))
    return F.pixel_shuffle(_butterfly(bands.unbind(2)).flatten(1, 2), 2)


def first_cells(bands: Tensor) -> Tensor:
    """Every second row and column of :func:`from_bands`: (B, 4C, h, w) to (B, C, h, w)."""
    return torch.unflatten(bands, 1, (bands.shape[1] // 4, 4)).sum(2) / 2


def _butterfly(maps: Sequence[Tensor]) -> Tensor:
    """The transform's orthogonal matrix, its own inverse, of four maps (B, C, h, w): (B, C, 4, h, w)."""
    a, b, d, e = maps
    top, bottom, left, right = a + b, d + e, a - b, d - e
    return torch.stack([top + bottom, top - bottom, left + right, left - right], 2) * 0.5
