# SPDX-License-Identifier: AGPL-3.0-or-later
"""FCViTContext: one global vector, added where a pixel resembles the mean pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yolo_fine.layers.checks import divisor, require
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, Reduction


@block(inputs=1, out="same", kind="context", paper="https://arxiv.org/abs/2212.12552")
class FCViTContext(nn.Module):
    """Global context of FCViT: ``x + s·c``, the global vector c weighted by each pixel's likeness s to the mean.

    "A Close Look at Spatial Modeling: From Attention to Convolution" (arXiv 2212.12552), the authors' code.

    1. Heads split the channels: ``s_h(p) = ⟨x_h(p), mean_p x_h⟩ / √(C/heads)``.
    2. s is standardised over heads and positions of an image together, then each head has a weight and a bias.
    3. ``c = W₂ GELU(W₁ mean_p x)``, hidden width C/reduction; ``block = x + s·c``.

    Step 2 is computed in float32.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(block(x) - x)``. ``gain=None`` is the
    paper's form. The gain is ours.

    Cost: 2C·C/reduction + C/reduction + C + 2·heads parameters (+ C gains): 4 256 (+128) at C = 128; 0.001 GMACs at
    128@80x80.

    Args:
        channels: Channels C.
        heads: Heads, a divisor of C from 2.
        reduction: C divided by the hidden width.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(self, channels: int, heads: Positive = 8, reduction: Reduction = 8, gain: Gain | None = 0.0) -> None:
        super().__init__()
        require(self, heads > 1, "heads", heads, "2 or more: a single value has no deviation")
        self.heads = divisor(self, "heads", heads, channels)
        hidden = channels // divisor(self, "reduction", reduction, channels)
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)
        self.rescale = Standardise(heads)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Add the global context."""
        batch, channels, height, width = x.shape
        pixels = x.reshape(batch, self.heads, channels // self.heads, height * width)  # (B, heads, C/heads, N)
        mean = pixels.mean(3, keepdim=True)
        likeness = mean.transpose(2, 3) @ pixels * (channels // self.heads) ** -0.5  # (B, heads, 1, N)
        context = self.excite(nn.functional.gelu(self.squeeze(mean.reshape(batch, channels))))
        added = self.rescale(likeness).to(x.dtype) * context.to(x.dtype).reshape(batch, self.heads, -1, 1)
        y = x + added.reshape(x.shape)
        return self.gain(x, y)


class Standardise(nn.Module):
    """``(s - mean) / (std + 1e-5)`` over all but the batch, then a weight and a bias a head, in float32.

    Args:
        heads: Number of heads.

    Shapes:
        s: (B, heads, 1, N); output the same.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(heads))
        self.bias = nn.Parameter(torch.zeros(heads))

    def forward(self, s: Tensor) -> Tensor:
        """Standardise the likenesses of each image."""
        wide = s.float()
        centred = wide - wide.mean((1, 2, 3), keepdim=True)
        deviation = centred.std((1, 2, 3), keepdim=True) + 1e-5
        return centred / deviation * self.weight.float().view(-1, 1, 1) + self.bias.float().view(-1, 1, 1)
