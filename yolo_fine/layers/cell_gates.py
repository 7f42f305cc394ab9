# SPDX-License-Identifier: AGPL-3.0-or-later
"""Gates from a few pooled cells: one per channel, and one per position. What LSCM and LCCM share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ChannelGate(nn.Module):
    """``σ(LayerNorm(W(Σ_cells value·query)))``.

    Args:
        narrow: Numbers m of a value.
        channels: Channels C of the gate.

    Shapes:
        value: (B, m, cells); query: (B, 1, cells); output (B, C, 1, 1).
    """

    def __init__(self, narrow: int, channels: int) -> None:
        super().__init__()
        self.widen = nn.Linear(narrow, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, value: Tensor, query: Tensor) -> Tensor:
        """Sum the values as the queries weigh them."""
        summed = (value @ query.transpose(1, 2)).flatten(1)  # (B, m, cells) @ (B, cells, 1) -> (B, m)
        gate: Tensor = self.norm(self.widen(summed)).sigmoid()
        return gate[:, :, None, None]


class PositionGate(nn.Module):
    """``σ(Σ_cells w·⟨key, V x⟩ + b)`` at every position x.

    The sum over cells and the projection V are folded into one vector per image, which is exact.

    Args:
        channels: Channels C of the map.
        narrow: Numbers m of a key.
        cells: Number of cells.

    Shapes:
        x: (B, C, H, W); key: (B, m, cells); output (B, 1, H, W).
    """

    def __init__(self, channels: int, narrow: int, cells: int) -> None:
        super().__init__()
        self.pixel = nn.Linear(channels, narrow)
        self.weigh = nn.Linear(cells, 1)

    def forward(self, x: Tensor, key: Tensor) -> Tensor:
        """Compare every position with all cells at once."""
        direction = F.linear(key, self.weigh.weight).flatten(1)  # (B, m, cells) -> (B, m)
        vector = direction @ self.pixel.weight  # (B, C)
        offset = F.linear(direction, self.pixel.bias[None], self.weigh.bias)
        logits = vector.unsqueeze(1) @ x.flatten(2) + offset.unsqueeze(2)  # (B, 1, C) @ (B, C, H·W)
        return logits.sigmoid().reshape(x.shape[0], 1, x.shape[2], x.shape[3])
