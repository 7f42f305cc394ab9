# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two-dimensional sine-cosine position encoding of a map, built once per size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor

from yolo_fine.layers.tracing import is_tracing

BASE = 10000.0

# Absent before torch 2.3; there, compiled graphs take the eager path too.
_is_compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)


def sincos_2d(like: Tensor, legacy: bool = False) -> Tensor:
    """Encode the positions of a map.

    Each position gives the quarters ``[sin(row·ω), cos(row·ω), sin(col·ω), cos(col·ω)]`` with
    ``ω_j = 10000^(-j / (C/4))``, the formula of the AIFI layer of RT-DETR. Built in float32, then cast.

    In eager mode the result is kept (at most 32 sizes per process, shared by all blocks, in no module's state). While
    tracing or compiling it is built from the sizes, which keeps exported graphs dynamic.

    Args:
        like: Map (B, C, h, w) whose sizes, dtype and device the encoding takes; C must be divisible by 4.
        legacy: Take ``(t // h, t % h)`` for cell t of the raster instead of (row, column): what the authors of FINE
            computed. Equal on square maps; on others the positions are scrambled.

    Returns:
        (C, h, w).
    """
    build = _cached if _is_eager(like) else _build
    return build((like.shape[1], like.shape[2], like.shape[3]), legacy, like.dtype, like.device)


@lru_cache(maxsize=32)
def _cached(shape: tuple[int, int, int], legacy: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    with _plain_mode():
        return _build(shape, legacy, dtype, device)


def _build(shape: tuple[int, int, int], legacy: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    channels, height, width = shape
    quarter = channels // 4
    omega = BASE ** (torch.arange(quarter, dtype=torch.float32, device=device) / -quarter)

    def encode(position: Tensor) -> Tensor:
        angle = omega[:, None, None] * position
        return torch.cat([angle.sin(), angle.cos()])

    if legacy:
        cell = torch.arange(height * width, dtype=torch.float32, device=device).view(height, width)
        major = torch.div(cell, height, rounding_mode="floor")
        return torch.cat([encode(major), encode(cell - major * height)]).to(dtype)
    rows = encode(torch.arange(height, device=device).float()[:, None])
    columns = encode(torch.arange(width, device=device).float()[None])
    # Every row's code in all columns and the reverse, by sums: expand() exports to five operators and its sizes.
    return torch.cat([rows + 0 * columns, 0 * rows + columns]).to(dtype)


def _is_eager(x: Tensor) -> bool:
    """Whether ``x`` is a real tensor in eager mode: not traced, not compiled, not a stand-in such as a FakeTensor.

    Otherwise sizes may be symbols, and constants must be built from them inside the graph.
    """
    return not (is_tracing() or _is_compiling()) and type(x) is Tensor


@contextmanager
def _plain_mode() -> Iterator[None]:
    """Build constants without gradients and outside inference mode, whose tensors could not be used in training."""
    with torch.inference_mode(False), torch.no_grad():
        yield
