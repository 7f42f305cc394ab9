# SPDX-License-Identifier: AGPL-3.0-or-later
"""NHS: Next-ViT's stack of convolution blocks with one transformer block at its end."""

from __future__ import annotations

import math

from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.blocks.nextvit import NCB, PAPER, HybridTransformer, round_to_32
from yolo_fine.layers.checks import divisor
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.places import cells_of_the_coarsest_map
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, Share


class HybridStack(nn.Sequential):
    """The body of :class:`NHS`: ``repeats`` groups of n NCB at c1 channels and one NTB, which may widen to c2.

    A group behind one that widened begins with a 1x1 convolution and batch norm back to c1, as the authors' does.
    """

    def __init__(self, c1: int, c2: int, *, n: int, repeats: int, sr: int, mix: float, head_dim: int | None) -> None:
        layers: list[nn.Module] = []
        for group in range(repeats):
            if group and c1 != c2:
                layers.append(Conv(c2, c1, 1, act=False))
            layers += [NCB(c1, 3, head_dim, gain=None) for _ in range(n)]
            layers.append(HybridTransformer(c1, c2, sr=sr, mix=mix, mlp_ratio=2, head_dim=head_dim))
        super().__init__(*layers)


@block(
    inputs=1,
    out="same",
    kind="context",
    paper=PAPER,
    arguments_at=cells_of_the_coarsest_map,
    quadratic=lambda arguments: arguments["sr"] ** 2,
)
class NHS(nn.Module):
    """Next hybrid strategy: n times :class:`NCB`, then one :class:`NTB`; the row's repeats repeat the group.

    "Next-ViT: Next Generation Vision Transformer for Efficient Deployment in Realistic Industrial Scenarios" (arXiv
    2207.05501), the authors' code: cheap blocks look nearby, and the last of each group looks everywhere. Their stages
    are groups of 3, 4 and 2 NCB. MLPs are 3 times as wide in NCB and 2 times in NTB. In their stages NTB may widen the
    map; here all blocks have one width. Drop path, which they use in training, is left out. For coarse maps: see NTB.

    At init: with ``gain=0.0`` the output equals the input to the bit: ``x + g·(NHS(x) - x)``, one gain for the whole
    stack. ``gain=None`` is the paper's form. The gain is ours.

    Cost: ``repeats·(n·NCB + NTB)``: 434 880 parameters (+ C gains) and 4.637 GMACs at 128@80x80 with n = 2, sr = 2.

    Args:
        channels: Channels C.
        sr: NTB pools keys and values by sr².
        n: NCB in a group.
        mix: NTB's share of channels with attention, above 0 and up to 1.
        head_dim: Channels of a head and of a group: see :class:`NCB` and :class:`NTB`. None takes 32 or the next
            smaller divisor.
        repeats: Groups; a row's repeats, scaled by the model's depth.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: (B, C, H, W); output the same.
    """

    def __init__(
        self,
        channels: int,
        sr: Positive = 2,
        n: Positive = 2,
        mix: Share = 0.75,
        head_dim: Positive | None = None,
        *,
        repeats: int = 1,
        gain: Gain | None = 0.0,
    ) -> None:
        super().__init__()
        if head_dim is not None:
            wide = min(channels, round_to_32(mix * channels))
            divisor(self, "head_dim", head_dim, math.gcd(wide, channels - wide))
        self.stack = HybridStack(channels, channels, n=n, repeats=repeats, sr=sr, mix=mix, head_dim=head_dim)
        self.gain = ResidualGain(channels, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Look nearby, then everywhere."""
        return self.gain(x, self.stack(x))
