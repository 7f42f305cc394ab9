# SPDX-License-Identifier: AGPL-3.0-or-later
"""PartWhole: a coarse map gathers from all pixels and gives back to all pixels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.positions import sincos_2d
from yolo_fine.layers.token_attention import TokenAttention
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, MultipleOf4, Positive


@block(
    inputs=1,
    out="same",
    kind="context",
    paper="https://arxiv.org/abs/2107.05790",
    origin="adaptation",
    quadratic=lambda arguments: arguments["stride"] ** 2,
)
class PartWhole(nn.Module):
    """Parts gather from the whole map (encoding), and the whole map reads the parts (decoding).

    ADAPTATION of the idea of "Visual Parser: Representing Part-whole Hierarchies with Transformers" (arXiv
    2107.05790), which carries learnt part tokens through a whole backbone. Written from the idea, not compared with
    its code; here parts belong to one block and start as the means over squares of the map:

    1. Parts ``p = pool(LayerNorm(x), stride)``; parts and pixels get one sine-cosine position encoding each.
    2. Encoding: ``p += softmax attention(p to all pixels)``, then ``p += MLP(LayerNorm(p))``.
    3. Decoding: ``block = x + softmax attention(pixels to LayerNorm(p))``.

    Squares that reach over the edge hold the cells that are there.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``. The gain is ours.

    Cost: 8(C²+C) + mlp_ratio·2C² + (mlp_ratio + 1)C + 6C parameters (+ C gains): 198 784 (+128) and 1.783
    GMACs at 128@80x80. Both attentions have (H·W)²/stride² values a head.

    Args:
        channels: Channels C, divisible by 4.
        stride: Side of a part's square, in cells.
        heads: Attention heads, a divisor of C. None takes 32 channels a head (or the next larger divisor).
        mlp_ratio: Width of the parts' MLP relative to C.
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self,
        channels: MultipleOf4,
        stride: Positive = 4,
        heads: Positive | None = None,
        mlp_ratio: Positive = 2,
        *,
        gain: Gain | None = 0.0,
    ) -> None:
        super().__init__()
        heads = divisor(self, "heads", heads, channels, channels // 32)
        self.stride = stride
        self.norm = nn.LayerNorm(channels)
        self.encode = TokenAttention(channels, heads)
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, mlp_ratio * channels),
            nn.GELU(),
            nn.Linear(mlp_ratio * channels, channels),
        )
        self.norm_parts = nn.LayerNorm(channels)
        self.decode = TokenAttention(channels, heads)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Gather parts from the whole, then let the whole read them."""
        pixels = self.norm(x.flatten(2).transpose(1, 2))  # (B, C, H, W) -> (B, H·W, C)
        normed = pixels.transpose(1, 2).reshape(x.shape)
        coarse = F.avg_pool2d(normed, self.stride, ceil_mode=True, count_include_pad=False)
        whole = (normed + sincos_2d(normed)).flatten(2).transpose(1, 2)
        parts = (coarse + sincos_2d(coarse)).flatten(2).transpose(1, 2)  # (B, parts, C)
        parts = parts + self.encode(parts, whole)
        parts = parts + self.mlp(parts)
        read = self.decode(whole, self.norm_parts(parts))
        y = x + read.transpose(1, 2).reshape(x.shape).to(x.dtype)
        return self.gain(x, y)
