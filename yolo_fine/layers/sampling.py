# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bilinear samples of a map at many points for every output cell, and their weighted sum in one pass.

Exported graphs gather the four cells around each point by integer indices instead of calling GridSample. Coordinates
of a whole map lose a hundredth of a cell where a file is converted to float16; indices lose nothing, nor do the
remainders within a cell. And onnxruntime gathers rows of channels many times faster than it samples grids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from yolo_fine.layers.bags import Bags, has_sparse_products
from yolo_fine.layers.tracing import is_tracing

Padding = Literal["border", "zeros"]


class Places(NamedTuple):
    """Where points lie along one axis: ``whole + part`` cells from the centre of the first cell.

    Attributes:
        whole: int64, broadcast to the points.
        part: (N, P, h, w), float32: the rest, best a small number, which every precision holds well.
    """

    whole: Tensor
    part: Tensor


def split_places(numerators: Tensor, denominator: Tensor | int) -> tuple[Tensor, Tensor]:
    """Fractions as whole cells (int64) and the rest below 1 (float32), by integer arithmetic.

    Args:
        numerators: int64, not negative.
        denominator: A positive integer.
    """
    whole = torch.div(numerators, denominator, rounding_mode="trunc")
    return whole, (numerators - whole * denominator).float() / denominator


def sample(maps: Tensor, rows: Places, columns: Places, padding: Padding) -> Tensor:
    """Sample maps at P points for each output cell.

    Args:
        maps: (N, C, H, W), float32.
        rows: Of the points.
        columns: Of the points.
        padding: What lies outside: the ``border`` repeated, or ``zeros``.

    Returns:
        (N, C, P, h, w).
    """
    if is_tracing():
        maps, rows, columns = _with_border(maps, rows, columns, padding)
        table = maps.permute(0, 2, 3, 1).flatten(0, 2)  # (N, C, H, W) -> (N·H·W, C)
        cells, shares = (torch.stack(parts, 4) for parts in zip(*_cells(maps, rows, columns), strict=True))
        y = shares.unsqueeze(4) @ F.embedding(cells, table)  # (N, P, h, w, 1, 4) @ (N, P, h, w, 4, C)
        return y[:, :, :, :, 0].permute(0, 4, 1, 2, 3)
    across, down = (
        (places.whole + places.part) * (2 / max(side - 1, 1)) - 1
        for places, side in ((columns, maps.shape[3]), (rows, maps.shape[2]))
    )
    grid = torch.stack([across, down], dim=-1).flatten(1, 2)
    y = F.grid_sample(maps, grid, mode="bilinear", padding_mode=padding, align_corners=True)
    return torch.unflatten(y, 2, rows.part.shape[1:3])  # (N, C, P·h, w) -> (N, C, P, h, w)


def weighted_sample(maps: Tensor, rows: Places, columns: Places, weights: Tensor, padding: Padding) -> Tensor:
    """``(weights · sample(...)).sum(2)`` without the samples, which would be P times as large as the output.

    Every output cell is a weighted sum of 4P cells of the map: one bag of its rows, or in exports, which have no
    operator for that, four products. Not every device has bags: those without sample first.

    Args:
        maps: (N, C, H, W), float32.
        rows: See :func:`sample`.
        columns: See :func:`sample`.
        weights: (N, P, h, w), float32.
        padding: See :func:`sample`.

    Returns:
        (N, C, h, w).
    """
    if not is_tracing() and maps.device.type not in ("cpu", "cuda"):
        return (sample(maps, rows, columns, padding) * weights.unsqueeze(1)).sum(2)
    maps, rows, columns = _with_border(maps, rows, columns, padding)
    table = maps.permute(0, 2, 3, 1).flatten(0, 2)  # (N, C, H, W) -> (N·H·W, C)
    cells = [
        (cell.permute(0, 2, 3, 1), (weights * share).permute(0, 2, 3, 1)) for cell, share in _cells(maps, rows, columns)
    ]
    if is_tracing():
        sums = [share.unsqueeze(3) @ F.embedding(cell, table) for cell, share in cells]
        return (sums[0] + sums[1] + (sums[2] + sums[3]))[:, :, :, 0].permute(0, 3, 1, 2)
    bags, scales = (torch.cat(parts, 3).flatten(0, 2).contiguous() for parts in zip(*cells, strict=True))
    bags = bags.int()  # which are sorted and read faster; a map has less than 2³¹ cells
    if torch.is_grad_enabled() and has_sparse_products(table, bags):
        y: Tensor = Bags.apply(table, bags, scales)
    else:
        y = F.embedding_bag(bags, table, mode="sum", per_sample_weights=scales)
    return y.view(len(maps), *rows.part.shape[2:], maps.shape[1]).permute(0, 3, 1, 2)


def _with_border(maps: Tensor, rows: Places, columns: Places, padding: Padding) -> tuple[Tensor, Places, Places]:
    """Maps whose repeated border gives the padding: for ``zeros``, framed by one row and column of them."""
    if padding == "border":
        return maps, rows, columns
    return F.pad(maps, (1, 1, 1, 1)), Places(rows.whole + 1, rows.part), Places(columns.whole + 1, columns.part)


def _cells(maps: Tensor, rows: Places, columns: Places) -> Iterator[tuple[Tensor, Tensor]]:
    """The four cells around each point: index among the cells of all maps, and share; both (N, P, h, w)."""
    count, _, height, width = maps.shape
    first = torch.arange(count, device=maps.device).view(-1, 1, 1, 1) * height
    beside = _two_cells(columns, width)
    for row, down in _two_cells(rows, height):
        for column, across in beside:
            yield (first + row) * width + column, down * across


def _two_cells(places: Places, cells: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """The two cells that each point lies between along one axis, as (index, share); outside, those of the border."""
    start = places.part.detach().floor()
    after = places.part - start
    first = places.whole + start.long()
    return (first.clamp(0, cells - 1), 1 - after), ((first + 1).clamp(0, cells - 1), after)
