# SPDX-License-Identifier: AGPL-3.0-or-later
"""Weighted sums of rows of a table, as a product with a sparse matrix whose gradients are such products too."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from yolo_fine.layers.plainly import computes_plainly, is_compiling


def has_sparse_products(table: Tensor, bags: Tensor) -> bool:
    """Whether :class:`Bags` can be used: in float32 on a CPU, with MKL, not while torch compiles, on a table of rows.

    PyTorch has no sparse matrix with more entries than a full one, which bags larger than the table would be.
    """
    return (
        bags.shape[1] <= len(table)
        and computes_plainly(table)
        and not is_compiling()
        and bool(torch.backends.mkl.is_available())
    )


class Bags(torch.autograd.Function):
    """``F.embedding_bag(bags, table, mode="sum", per_sample_weights=scales)``, and a backward pass half as long.

    Shapes:
        table: (N, C), float32; bags: (M, J), int32, rows of the table; scales: (M, J), float32; output (M, C).
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, bags: Tensor, scales: Tensor) -> Tensor:
        """Sum up."""
        ctx.save_for_backward(table, bags, scales)
        return F.embedding_bag(bags, table, mode="sum", per_sample_weights=scales)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        """Gradients of table and scales."""
        table, bags, scales = ctx.saved_tensors
        count, each = bags.shape
        gradient = gradient.contiguous()
        of_table = of_scales = None
        if ctx.needs_input_grad[0]:  # the transposed matrix, its entries sorted by the row of the table
            wanted = bags.flatten()
            order = torch.argsort(wanted)
            ends = F.pad(torch.bincount(wanted, minlength=len(table)).cumsum(0), (1, 0)).int()
            sources = torch.arange(count, dtype=torch.int32).repeat_interleave(each)[order]
            of_table = _matrix(ends, sources, scales.flatten()[order], (len(table), count)) @ gradient
        if ctx.needs_input_grad[2]:  # products of two rows each, where the matrix has entries
            starts = torch.arange(count + 1, dtype=torch.int32) * each
            entries = _matrix(starts, bags.flatten(), torch.zeros(bags.numel()), (count, len(table)))
            of_scales = torch.sparse.sampled_addmm(entries, gradient, table.t(), beta=0.0).values().view_as(scales)
        return of_table, None, of_scales


def _matrix(starts: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that sparse tensors are in beta state
        return torch.sparse_csr_tensor(starts, columns, values, size, check_invariants=False)
