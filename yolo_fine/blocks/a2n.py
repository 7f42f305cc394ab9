# SPDX-License-Identifier: AGPL-3.0-or-later
"""A2N: a branch with pixel attention and one without, mixed by what the image needs."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, PositiveNumber, Reduction

SLOPE = 0.2  # of every LeakyReLU


@block(inputs=1, out="same", kind="refine", paper="https://arxiv.org/abs/2104.09497", aliases=("AAB",))
class A2N(nn.Module):
    """Attention-in-attention block: ``x + Conv1x1(LeakyReLU(w₀·attention(y) + w₁·Conv3x3(y)))``.

    "Attention in Attention Network for Image Super-Resolution" (arXiv 2104.09497), the authors' code (its block AAB).

    1. ``y = LeakyReLU(Conv1x1(x))``.
    2. ``attention(y) = Conv3x3(Conv3x3(y) · σ(Conv1x1(LeakyReLU(Conv3x3(y)))))``: a gate per channel and position.
    3. ``w = softmax(W₂ ReLU(W₁ mean(y)) / t)``: two numbers for each image.

    Of the convolutions only the gate's has a bias. Made for super-resolution with 40 channels: dear at the widths of
    detectors.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(A2N(x) - x)``. ``gain=None`` is the
    paper's form without g, a residual that starts at about 7 % of the input. The gain is ours.

    Cost: 39C² + C + C·(C/r) + 2·(C/r) parameters (+ C gains): 643 264 (+128) and 4.09 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        reduction: Ratio r of the hidden layer that finds w.
        temperature: The t of w.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self, channels: int, reduction: Reduction = 4, temperature: PositiveNumber = 30.0, gain: Gain | None = 0.0
    ) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.temperature = temperature
        self.first = nn.Conv2d(channels, channels, 1, bias=False)
        # Three convolutions of one map as one: what is gated, its gate, and the branch without attention.
        self.read = nn.Conv2d(channels, 3 * channels, 3, padding=1, bias=False)
        self.gate = nn.Conv2d(channels, channels, 1)
        self.attend = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.weigh = nn.Linear(hidden, 2, bias=False)
        self.last = nn.Conv2d(channels, channels, 1, bias=False)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Refine ``x``."""
        y = F.leaky_relu(self.first(x), SLOPE)
        value, gate, plain = self.read(y).chunk(3, dim=1)  # (B, 3C, H, W) -> three of (B, C, H, W)
        attended = self.attend(value * self.gate(F.leaky_relu(gate, SLOPE)).sigmoid())
        weights = (self.weigh(F.relu(self.squeeze(y.mean((2, 3))))) / self.temperature).softmax(1)  # (B, 2)
        first, second = weights.to(plain.dtype)[:, :, None, None].split(1, dim=1)  # two of (B, 1, 1, 1)
        y = x + self.last(F.leaky_relu(attended * first + plain * second, SLOPE)).to(x.dtype)
        return self.gain(x, y)
