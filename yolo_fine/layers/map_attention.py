# SPDX-License-Identifier: AGPL-3.0-or-later
"""Attention of one map to another: linear (the form FINE was published with) or softmax."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from yolo_fine.layers.cell_attention import attend
from yolo_fine.layers.norms import RMSNorm

FLOOR = 1e-6  # smallest constant that queries and keys are divided by


class MapAttention(nn.Module):
    """Multi-head cross-attention between the cells of two maps (steps 4 to 7 of FINE).

    ``linear``: queries and keys are divided, per channel, by their l1 size over the cells, then ``(V Kᵀ) Q``: one d×d
    state per head, no softmax, no denominator; a norm over the d values of each head takes the place of a scale.
    ``softmax``: the usual scaled dot product.

    Channels stay the second axis throughout: projections are 1x1 convolutions, which onnxruntime computes faster than
    the same matrix product over a list of tokens, and no axes are swapped.

    Args:
        dim: Channels C of both maps; queries, keys and values have C channels.
        heads: Number n of heads, a divisor of C; d = C/n.
        kind: ``linear`` or ``softmax``.
        qk_norm: ``mean`` divides queries by the mean and keys by the sum of their magnitudes, so that the output does
            not depend on the number of cells; ``sum`` divides both by the sum (the authors' code), which at many
            cells falls below the eps of the norm behind it. Reconstruction: equal up to that eps.
        norm: Norm over each head's output: ``rms`` or ``layer``.
        rms_eps: Eps of the ``rms`` norm.
        cosformer: Weight queries and keys by sine and cosine of their place in the raster (dropped by the authors).

    Shapes:
        query: (B, C, h, w); context: (B, C, h', w'); output (B, C, h, w).

    Cost: 4(C²+C) parameters, and d (``rms``) or 2d (``layer``) for the linear norm.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        kind: Literal["linear", "softmax"] = "linear",
        *,
        qk_norm: Literal["mean", "sum"] = "mean",
        norm: Literal["rms", "layer"] = "rms",
        rms_eps: float = 1e-6,
        cosformer: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.kind, self.qk_norm, self.cosformer = heads, kind, qk_norm, cosformer
        self.q_proj = nn.Conv2d(dim, dim, 1)
        self.kv_proj = nn.Conv2d(dim, 2 * dim, 1)  # keys and values read the same cells: one convolution
        self.out_proj = nn.Conv2d(dim, dim, 1)
        if kind == "linear":
            head_dim = dim // heads
            self.norm: nn.Module = RMSNorm(head_dim, rms_eps) if norm == "rms" else nn.LayerNorm(head_dim)
        for weight in (self.q_proj.weight, *self.kv_proj.weight.chunk(2), self.out_proj.weight):
            nn.init.xavier_uniform_(weight)
        for layer in (self.q_proj, self.kv_proj, self.out_proj):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        """Let ``query`` attend to ``context``."""
        batch, dim = query.shape[:2]
        q = self.q_proj(query).reshape(batch, self.heads, dim // self.heads, -1)  # (B, C, h, w) -> (B, n, d, cells)
        k, v = self.kv_proj(context).reshape(batch, 2, self.heads, dim // self.heads, -1).unbind(1)
        y = self._linear(q, k, v) if self.kind == "linear" else attend(q, k, v)
        mixed: Tensor = self.out_proj(y.reshape(query.shape))  # (B, n, d, cells) -> (B, C, h, w)
        return mixed

    def _linear(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Arguments and result are (B, n, d, cells)."""
        # A mean stays in range in half precision where a sum over many cells may not.
        q = q / q.abs().mean(3, keepdim=True).clamp(min=FLOOR)
        k = k / k.abs().mean(3, keepdim=True).clamp(min=FLOOR) / k.shape[3]
        if self.qk_norm == "sum":
            q = q / q.shape[3]
        if self.cosformer:
            longest = max(q.shape[3], k.shape[3])
            q, k = self._reweight(q, longest), self._reweight(k, longest)
        y = (v @ k.transpose(2, 3)) @ q  # (B, n, d, d) @ (B, n, d, cells)
        over_last = isinstance(self.norm, nn.LayerNorm)
        normed: Tensor = self.norm(y.transpose(2, 3) if over_last else y)
        return normed.transpose(2, 3) if over_last else normed

    @staticmethod
    def _reweight(x: Tensor, longest: int) -> Tensor:
        place = torch.arange(1, x.shape[3] + 1, dtype=torch.float32, device=x.device)
        angle = (place * (math.pi / 2) / longest).to(x.dtype)
        return torch.cat([x * angle.sin(), x * angle.cos()], dim=2)
