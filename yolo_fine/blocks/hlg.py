# SPDX-License-Identifier: AGPL-3.0-or-later
"""HLG: attention inside windows, then from every pixel to all windows."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.token_attention import TokenAttention
from yolo_fine.layers.windows import from_windows, pad_to_multiple, real_cells, to_windows
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive


@block(
    inputs=1,
    out="same",
    kind="context",
    paper="https://arxiv.org/abs/2207.09339",
    origin="adaptation",
    quadratic=lambda arguments: arguments["window"] ** 2,
)
class HLG(nn.Module):
    """Hybrid local-global attention: softmax attention within each window, then to one token a window.

    ADAPTATION of the idea of the HLG transformer of "Vision Transformers: From Semantic Segmentation to Dense
    Prediction" (arXiv 2207.09339), the sequel of SETR, which is a whole backbone. Written from the idea, not compared
    with its code; as one block for a neck it is

    1. ``y = x + local(LayerNorm(x))``: cells attend to the cells of their window;
    2. ``block = y + global(LayerNorm(y))``: cells attend to the means of all windows.

    There is no MLP, no attention with dilated windows and no position encoding: the convolutions around it bring
    those. Maps that the window does not divide are filled up inside; cells filled up are never attended to.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``. The gain is ours.

    Cost: 8(C²+C) + 4C parameters (+ C gains): 132 608 (+128) and 0.901 GMACs at 128@80x80. A cell attends to
    window² + H·W/window² others: fit for fine maps.

    Args:
        channels: Channels C.
        window: Side of a window, in cells.
        heads: Attention heads, a divisor of C. None takes 32 channels a head (or the next larger divisor).
        gain: Initial value of the gain g; None leaves it out.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self, channels: int, window: Positive = 8, heads: Positive | None = None, gain: Gain | None = 0.0
    ) -> None:
        super().__init__()
        self.window, self.heads = window, divisor(self, "heads", heads, channels, channels // 32)
        self.norm_local, self.norm_global = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.qkv_local = nn.Linear(channels, 3 * channels)
        self.out_local = nn.Linear(channels, channels)
        self.attention = TokenAttention(channels, self.heads)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Attend to the window, then to all windows."""
        height, width = x.shape[2:]
        real = real_cells(x, self.window)
        tiles = to_windows(pad_to_multiple(x, self.window), self.window)  # (B, C, H, W) -> (B, windows, cells, C)
        tiles = tiles + self._local(self.norm_local(tiles), real).to(x.dtype)
        normed = self.norm_global(tiles)
        cells = real.to(normed.dtype).unsqueeze(3)
        means = (normed * cells).sum(2) / cells.sum(2)  # (B, windows, C)
        tiles = tiles + self.attention(normed.flatten(1, 2), means).reshape(tiles.shape).to(x.dtype)
        y = from_windows(tiles, self.window, height, width)
        return self.gain(x, y)

    def _local(self, tiles: Tensor, real: Tensor) -> Tensor:
        """Attention within windows (B, windows, cells, C), which take the place of heads."""
        batch, windows, cells, channels = tiles.shape
        parts = self.qkv_local(tiles).reshape(batch, windows, cells, 3, self.heads, channels // self.heads)
        # (B, windows, cells, 3, heads, d) -> three of (B, windows·heads, cells, d)
        q, k, v = (part.flatten(1, 2) for part in parts.permute(3, 0, 1, 4, 2, 5).unbind(0))
        seen = (1 - real).to(q.dtype) * -1e4  # in range of float16
        mask = seen[:, :, None, None].expand(1, windows, self.heads, cells, cells).flatten(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        y = y.reshape(batch, windows, self.heads, cells, -1).transpose(2, 3)
        mixed: Tensor = self.out_local(y.reshape(batch, windows, cells, channels))
        return mixed
