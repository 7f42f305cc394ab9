# SPDX-License-Identifier: AGPL-3.0-or-later
"""SRA: every pixel attends to a coarser copy of the map."""

from __future__ import annotations

from torch import Tensor, nn

from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.places import cells_of_the_coarsest_map
from yolo_fine.layers.token_attention import TokenAttention
from yolo_fine.layers.windows import pad_to_multiple
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive

PAPER = "https://arxiv.org/abs/2102.12122"


@block(
    inputs=1,
    out="same",
    kind="context",
    paper="https://arxiv.org/abs/2102.12122",
    origin="adaptation",
    arguments_at=cells_of_the_coarsest_map,
    aliases=("SpatialReductionAttention", "PVTAttention"),
    quadratic=lambda arguments: arguments["sr"] ** 2,
)
class SRA(nn.Module):
    """Spatial-reduction attention: queries from every pixel, keys and values from sr² times fewer tokens.

    ADAPTATION of the attention of "Pyramid Vision Transformer", ICCV 2021 (arXiv 2102.12122), from its equations, not
    compared with its code: ``block = x + P softmax(Q Kᵀ / √d) V`` with Q from ``z = LayerNorm(x)`` and K, V from
    ``LayerNorm(Conv(z; kernel and stride sr))``; for ``sr=1`` from z. Maps that sr does not divide are filled up with
    zeros in front of that convolution (ours). There is no position encoding: the map brings its own.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``. The gain is ours.

    Cost: 4(C²+C) + 2C parameters, for sr > 1 also sr²C² + 3C (+ C gains): 132 224 (+128) and 2.988 GMACs at
    128@80x80 with sr 2. The attention matrix has (H·W)²/sr² values a head: take sr so that the tokens are about the
    cells of the coarsest map.

    Args:
        channels: Channels C.
        sr: Reduction of height and width of keys and values.
        heads: Attention heads, a divisor of C. None takes 32 channels a head (or the next larger divisor).
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, sr: Positive = 2, heads: Positive | None = None, gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.sr = sr
        self.norm = nn.LayerNorm(channels)
        self.reduce = nn.Conv2d(channels, channels, sr, sr) if sr > 1 else None
        self.norm_reduced = nn.LayerNorm(channels) if sr > 1 else None
        self.attention = TokenAttention(channels, divisor(self, "heads", heads, channels, channels // 32))
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Let every pixel attend to the coarser copy."""
        tokens = self.norm(x.flatten(2).transpose(1, 2))  # (B, C, H, W) -> (B, H·W, C)
        y = self.attention(tokens, self._reduced(tokens.transpose(1, 2).reshape(x.shape), tokens))
        y = x + y.transpose(1, 2).reshape(x.shape).to(x.dtype)
        return self.gain(x, y)

    def _reduced(self, normed: Tensor, tokens: Tensor) -> Tensor:
        """The tokens (B, N, C) for keys and values."""
        if self.reduce is None or self.norm_reduced is None:
            return tokens
        reduced = self.reduce(pad_to_multiple(normed, self.sr))  # (B, C, H/sr, W/sr)
        tokens = self.norm_reduced(reduced.flatten(2).transpose(1, 2))
        return tokens
