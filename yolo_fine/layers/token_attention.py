# SPDX-License-Identifier: AGPL-3.0-or-later
"""Softmax attention of one list of tokens to another."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class TokenAttention(nn.Module):
    """Multi-head scaled dot-product cross-attention.

    Args:
        dim: Channels C of all tokens; queries, keys and values have C channels.
        heads: Number of heads, a divisor of C.

    Shapes:
        query: (B, N, C); context: (B, M, C); output (B, N, C).

    Cost: 4(C²+C) parameters.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(dim, dim)
        self.kv_proj = nn.Linear(dim, 2 * dim)  # keys and values read the same tokens: one matrix product
        self.out_proj = nn.Linear(dim, dim)
        for weight in (self.q_proj.weight, *self.kv_proj.weight.chunk(2), self.out_proj.weight):
            nn.init.xavier_uniform_(weight)
        for layer in (self.q_proj, self.kv_proj, self.out_proj):
            nn.init.zeros_(layer.bias)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        """Let ``query`` attend to ``context``."""
        batch, _, dim = query.shape
        q = self.q_proj(query).view(batch, -1, self.heads, dim // self.heads)  # (B, N, C) -> (B, N, heads, d)
        k, v = self.kv_proj(context).view(batch, -1, 2, self.heads, dim // self.heads).unbind(2)  # (B, M, heads, d)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        mixed: Tensor = self.out_proj(y.transpose(1, 2).reshape(batch, -1, dim))  # (B, heads, N, d) -> (B, N, C)
        return mixed
