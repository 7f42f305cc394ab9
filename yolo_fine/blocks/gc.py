# SPDX-License-Identifier: AGPL-3.0-or-later
"""GC: one attention-pooled summary of the map, added to every position."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.layers.checks import require
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.views import Heat, View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, PositiveNumber

PAPER = "https://arxiv.org/abs/1904.11492"


@block(inputs=1, out="same", kind="context", paper=PAPER, aliases=("GCBlock", "GCNet", "GlobalContext", "ContextBlock"))
class GC(nn.Module):
    """Global context block: ``x + T(context)``, one vector per image.

    "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond", ICCVW 2019 (arXiv 1904.11492), the
    authors' code. ``context = Σ_p softmax_p(Conv1x1(x))·x_p``; ``T(c) = W₂ ReLU(LayerNorm(W₁ c))``. With
    ``multiply=True`` the map is first multiplied by ``σ`` of a second such T.

    At init: the identity to the bit, as published, because W₂ starts at zero; with ``multiply=True`` it halves the map
    unless there is a gain: ``x + g·(GC(x) - x)`` with ``gain=0.0`` equals the input to the bit, and W₂ then starts
    random (otherwise neither would ever have a gradient). The gain is ours.

    Cost: C + 1 + 2CP + 3P + C parameters with P = ratio·C (+ C gains): 8 545 at C = 128, 2 329 with ``ratio=0.0625``;
    0.002 GMACs at 128@80x80.

    Args:
        channels: Channels C.
        ratio: Width of the hidden layer relative to C. The paper's default is 1/16; its 1/4 did better.
        multiply: Multiply the map by a gate, too.
        gain: Initial value of the gain g; None is the paper's form.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self, channels: int, ratio: PositiveNumber = 0.25, multiply: bool = False, *, gain: Gain | None = None
    ) -> None:
        super().__init__()
        require(self, channels * ratio >= 1, "ratio", ratio, f"at least 1/{channels}")
        hidden = int(channels * ratio)
        self.mask = nn.Conv2d(channels, 1, 1)
        self.add = Transform(channels, hidden, zero=gain is None)
        self.multiply = Transform(channels, hidden, zero=gain is None) if multiply else None
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Add the context of the whole map."""
        weights = self._weights(x)
        context = (x.flatten(2) @ weights.to(x.dtype).transpose(1, 2)).flatten(1)  # (B, C)
        y = x if self.multiply is None else x * self.multiply(context).sigmoid().to(x.dtype)[:, :, None, None]
        y = y + self.add(context).to(x.dtype)[:, :, None, None]
        return self.gain(x, y)

    def views(self, x: Tensor) -> Iterator[View]:
        """How much each position counts in the context, relative to the mean of all."""
        weights = self._weights(x)
        yield Heat("share in the context", (weights * weights.shape[2]).reshape(-1, 1, *x.shape[2:]), neutral=1.0)

    def _weights(self, x: Tensor) -> Tensor:
        """(B, 1, H·W), summing to 1."""
        weights: Tensor = self.mask(x).flatten(2).softmax(-1)
        return weights


class Transform(nn.Module):
    """``W₂ ReLU(LayerNorm(W₁ c))`` of vectors (B, C); with ``zero`` the last layer starts at zero."""

    def __init__(self, channels: int, hidden: int, zero: bool) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.excite = nn.Linear(hidden, channels)
        if zero:
            nn.init.zeros_(self.excite.weight)
            nn.init.zeros_(self.excite.bias)

    def forward(self, context: Tensor) -> Tensor:
        """Transform the context."""
        y: Tensor = self.excite(F.relu(self.norm(self.squeeze(context))))
        return y
