# SPDX-License-Identifier: AGPL-3.0-or-later
"""NCB and NTB: the convolutional and the transformer block of Next-ViT."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.places import cells_of_the_coarsest_map
from yolo_fine.layers.token_attention import TokenAttention
from yolo_fine.layers.windows import whole_windows
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, Share

PAPER = "https://arxiv.org/abs/2207.05501"


@block(inputs=1, out="same", kind="context", paper=PAPER)
class NCB(nn.Module):
    """Next convolution block: a grouped convolution and an MLP, each with a residual.

    "Next-ViT: Next Generation Vision Transformer for Efficient Deployment in Realistic Industrial Scenarios" (arXiv
    2207.05501), the authors' code: ``x += Conv1x1(ReLU(BN(Conv3x3(x))))`` with groups of head_dim channels, then
    ``x += W₂ ReLU(W₁ BN(x))`` with biases. The batch norm in front of the MLP is not merged by fuse(), which merges
    norms behind convolutions; it is computed, also when exported.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``. ``gain=None`` is the
    paper's form. The gain is ours.

    Cost: 152 576 parameters (+ C gains) and 0.970 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        mlp_ratio: Width of the MLP relative to C.
        head_dim: Channels of a group, a divisor of C. None takes 32 or the next smaller divisor.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self, channels: int, mlp_ratio: Positive = 3, head_dim: Positive | None = None, gain: Gain | None = 0.0
    ) -> None:
        super().__init__()
        self.local = local_attention(channels, divisor(self, "head_dim", head_dim, channels, 32))
        self.mlp = mlp(channels, mlp_ratio)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Mix neighbours, then channels."""
        y = x + self.local(x)
        y = y + self.mlp(y)
        return self.gain(x, y)


class HybridTransformer(nn.Module):
    """The body of :class:`NTB`, which may change the number of channels from c1 to c2.

    The attention part has ``mix · c2`` channels rounded to a multiple of 32 (at most c2), the convolutional part the
    rest; a part without channels is left out, and so is the 1x1 convolution between two equal widths.
    """

    def __init__(self, c1: int, c2: int, *, sr: int, mix: float, mlp_ratio: int, head_dim: int | None) -> None:
        super().__init__()
        wide = min(c2, round_to_32(mix * c2))
        narrow = c2 - wide
        head_dim = divisor(self, "head_dim", head_dim, math.gcd(wide, narrow), 32)
        self.entry = Conv(c1, wide, 1, act=False) if c1 != wide else nn.Identity()
        self.norm = nn.BatchNorm2d(wide)
        self.window = sr * sr
        self.norm_pooled = nn.BatchNorm1d(wide) if sr > 1 else nn.Identity()
        self.attention = TokenAttention(wide, wide // head_dim)
        self.between = Conv(wide, narrow, 1, act=False) if narrow not in (0, wide) else nn.Identity()
        self.local = local_attention(narrow, head_dim) if narrow else None
        self.mlp = mlp(c2, mlp_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Global attention, local convolution of its result, and an MLP of both."""
        x = self.entry(x)  # (B, c1, H, W) -> (B, wide, H, W)
        x = x + self._attend(self.norm(x).flatten(2)).reshape(x.shape).to(x.dtype)
        if self.local is not None:
            y = self.between(x)  # (B, narrow, H, W)
            x = torch.cat([x, y + self.local(y)], dim=1)  # (B, c2, H, W)
        mixed: Tensor = x + self.mlp(x)
        return mixed

    def _attend(self, tokens: Tensor) -> Tensor:
        """Tokens (B, C, N) attend to their means over ``window`` neighbours of the raster."""
        pooled = tokens
        if self.window > 1:
            # The last tokens, which fill no window, are not read; where there is no whole window, all are one mean.
            means = F.avg_pool1d(tokens, self.window, ceil_mode=True, count_include_pad=False)
            pooled = means[:, :, : whole_windows(tokens.shape[2], self.window)]
        pooled = self.norm_pooled(pooled)
        y: Tensor = self.attention(tokens.transpose(1, 2), pooled.transpose(1, 2))  # (B, N, C) to (B, N/window, C)
        return y.transpose(1, 2)


@block(
    inputs=1,
    out="same",
    kind="context",
    paper=PAPER,
    arguments_at=cells_of_the_coarsest_map,
    quadratic=lambda arguments: arguments["sr"] ** 2,
)
class NTB(HybridTransformer):
    """Next transformer block: attention on most channels, a grouped convolution on the others, an MLP on all.

    "Next-ViT: Next Generation Vision Transformer for Efficient Deployment in Realistic Industrial Scenarios" (arXiv
    2207.05501), the authors' code.

    1. 1x1 convolution and batch norm to 0.75C channels, rounded to a multiple of 32.
    2. ``x += attention(BN(x))``; keys and values are the means of sr² consecutive tokens of the raster (rows are
       cut into pieces, not the map into squares, as in the authors' code), with a batch norm.
    3. 1x1 convolution and batch norm to the other channels; ``y += Conv1x1(ReLU(BN(Conv3x3(y))))``, grouped.
    4. ``z = concat(x, y)``; ``z += W₂ ReLU(W₁ BN(z))``.

    Up to 96 channels the default ``mix`` leaves no convolutional part; step 3 is then left out. Where sr² does not
    divide the number of cells, the last ones are dropped, as by the authors; fewer cells than sr² are one mean (ours).
    Only for coarse maps: the attention of N cells has N²/sr² values a head. In training the batch norms need more than
    one value a channel.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``. ``gain=None`` is the
    paper's form, which is no residual of its input: step 1 replaces it. The gain is ours.

    Cost: 129 728 parameters (+ C gains) and 2.697 GMACs (0.731 without the attention matrix) at 128@80x80 with sr 2.

    Args:
        channels: Channels C.
        sr: Keys and values are pooled by sr².
        mix: Share of the channels with attention, above 0 and up to 1.
        mlp_ratio: Width of the MLP relative to C.
        head_dim: Channels of a head and of a group, a divisor of the widths of both parts. None takes 32 or the next
            smaller divisor.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self,
        channels: int,
        sr: Positive = 2,
        mix: Share = 0.75,
        mlp_ratio: Positive = 2,
        head_dim: Positive | None = None,
        *,
        gain: Gain | None = 0.0,
    ) -> None:
        super().__init__(channels, channels, sr=sr, mix=mix, mlp_ratio=mlp_ratio, head_dim=head_dim)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Mix all pixels, neighbours and channels."""
        y = super().forward(x)
        return self.gain(x, y)


def local_attention(channels: int, head_dim: int) -> nn.Sequential:
    """The authors' "multi-head convolutional attention": grouped 3x3, batch norm, ReLU, 1x1."""
    grouped = Conv(channels, channels, 3, g=channels // head_dim, act=nn.ReLU())
    return nn.Sequential(grouped, nn.Conv2d(channels, channels, 1, bias=False))


def mlp(channels: int, ratio: int) -> nn.Sequential:
    """Batch norm and two 1x1 convolutions with a ReLU between."""
    wide = channels * ratio
    return nn.Sequential(
        nn.BatchNorm2d(channels), nn.Conv2d(channels, wide, 1), nn.ReLU(), nn.Conv2d(wide, channels, 1)
    )


def round_to_32(width: float) -> int:
    """The nearest multiple of 32, at least 32, that is not below nine tenths of ``width``."""
    rounded = max(32, int(width + 16) // 32 * 32)
    return rounded if rounded >= 0.9 * width else rounded + 32
