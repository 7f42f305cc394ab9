# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two-dimensional sine-cosine position encoding of a token grid, built once per grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor

BASE = 10000.0

# Absent before torch 2.3; there, compiled graphs take the eager path too.
_is_compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)


def sincos_2d(height: int, width: int, like: Tensor, legacy: bool = False) -> Tensor:
    """Encode the positions of a row-major grid of tokens.

    Each position gives the quarters ``[sin(row·ω), cos(row·ω), sin(col·ω), cos(col·ω)]`` with
    ``ω_j = 10000^(-j / (C/4))``, the formula of the AIFI layer of RT-DETR. Built in float32, then cast.

    In eager mode the result is kept (at most 32 grids per process, shared by all blocks, in no module's state). While
    tracing or compiling it is built from the sizes, which keeps exported graphs dynamic.

    Args:
        height: Rows h of the grid.
        width: Columns w of the grid.
        like: Tensor (..., C) whose channels, dtype and device the encoding takes; C must be divisible by 4.
        legacy: Take ``(t // h, t % h)`` for token t instead of (row, column): what the authors of FINE computed. Equal
            on square grids; on others the positions are scrambled.

    Returns:
        (h·w, C).
    """
    channels, dtype, device = like.shape[-1], like.dtype, like.device
    build = _cached if _is_eager(like) else _build
    return build((height, width), channels, legacy, dtype, device)


@lru_cache(maxsize=32)
def _cached(grid: tuple[int, int], channels: int, legacy: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    with _plain_mode():
        return _build(grid, channels, legacy, dtype, device)


def _build(grid: tuple[int, int], channels: int, legacy: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    (height, width), quarter = grid, channels // 4
    omega = BASE ** (torch.arange(quarter, dtype=torch.float32, device=device) / -quarter)

    def encode(position: Tensor) -> Tensor:
        angle = position[:, None] * omega
        return torch.cat([angle.sin(), angle.cos()], dim=1)

    if legacy:
        token = torch.arange(height * width, dtype=torch.float32, device=device)
        major = torch.div(token, height, rounding_mode="floor")
        return torch.cat([encode(major), encode(token - major * height)], dim=1).to(dtype)
    rows = torch.arange(height, device=device).float()[:, None]
    columns = torch.arange(width, device=device).float()
    # Row and column of every token, by sums: expand() exports to five operators and its sizes.
    row, column = (rows + 0 * columns).flatten(), (0 * rows + columns).flatten()
    return torch.cat([encode(row), encode(column)], dim=1).to(dtype)


def _is_eager(x: Tensor) -> bool:
    """Whether ``x`` is a real tensor in eager mode: not traced, not compiled, not a stand-in such as a FakeTensor.

    Otherwise sizes may be symbols, and constants must be built from them inside the graph.
    """
    return not (torch.jit.is_tracing() or _is_compiling()) and type(x) is Tensor


@contextmanager
def _plain_mode() -> Iterator[None]:
    """Build constants without gradients and outside inference mode, whose tensors could not be used in training."""
    with torch.inference_mode(False), torch.no_grad():
        yield
