# SPDX-License-Identifier: AGPL-3.0-or-later
"""PAM and CAM: every position reads every position, every channel every channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction

PAPER = "https://arxiv.org/abs/1809.02983"


@block(
    inputs=1,
    out="same",
    kind="context",
    paper=PAPER,
    aliases=("PAM_Module", "PositionAttentionModule"),
    quadratic=lambda arguments: 1,
)
class PAM(nn.Module):
    """Position attention module: ``x + γ · (softmax(QᵀK) V)``, the softmax running over all positions.

    "Dual Attention Network for Scene Segmentation", CVPR 2019 (arXiv 1809.02983), the authors' code. Queries and keys
    have C/r channels, values C; the logits are not scaled. Only for the coarsest maps: the attention of a map of N
    cells has N² values.

    At init: with ``gain=0.0`` the output equals the input to the bit, as published: γ starts at 0.

    Cost: 2(C+1)·C/r + C² + C + 1 parameters: 20 641 at C = 128; 0.03 GMACs at 128@20x20, 6.03 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        reduction: Ratio r; queries and keys have C/r channels, rounded down, at least 1.
        gain: Initial value of the one number γ.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, reduction: Reduction = 8, gain: Gain = 0.0) -> None:
        super().__init__()
        narrow = max(1, channels // reduction)
        self.widths = [narrow, narrow, channels]
        self.qkv = nn.Conv2d(channels, sum(self.widths), 1)
        self.gain = nn.Parameter(torch.full((1,), float(gain)))

    def forward(self, x: Tensor) -> Tensor:
        """Let every position attend to all."""
        # (B, C, H, W) -> queries and keys (B, H·W, C/r), values (B, H·W, C)
        q, k, v = (part.flatten(2).transpose(1, 2) for part in self.qkv(x).split(self.widths, dim=1))
        y = F.scaled_dot_product_attention(q * self.widths[0] ** 0.5, k, v).transpose(1, 2)  # which scales them back
        return x + self.gain.to(x.dtype) * y.to(x.dtype).reshape(x.shape)


@block(inputs=1, out="same", kind="context", paper=PAPER, aliases=("CAM_Module",))
class CAM(nn.Module):
    """Channel attention module: ``x + γ · softmax(-X Xᵀ) X``, where X is the map as C rows of H·W values.

    "Dual Attention Network for Scene Segmentation", CVPR 2019 (arXiv 1809.02983), the authors' code. It subtracts the
    energies ``X Xᵀ`` from the largest of their row, which the softmax does not see: the least similar channels weigh
    most. Energies are not scaled and grow with the map, so they are computed in float32.

    At init: with ``gain=0.0`` the output equals the input to the bit, as published: γ starts at 0.

    Cost: 1 parameter, 0.21 GMACs at 128@80x80.

    Args:
        channels: Channels C; nothing depends on them.
        gain: Initial value of the one number γ.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, gain: Gain = 0.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((1,), float(gain)))

    def forward(self, x: Tensor) -> Tensor:
        """Let every channel attend to all."""
        rows = x.flatten(2)  # (B, C, H·W)
        with torch.autocast("cuda" if x.is_cuda else "cpu", enabled=False):
            wide = rows.float()
            weights = (-(wide @ wide.transpose(1, 2))).softmax(-1)  # (B, C, C)
        y = weights.to(x.dtype) @ rows
        return x + self.gain.to(x.dtype) * y.to(x.dtype).reshape(x.shape)
