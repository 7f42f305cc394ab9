# SPDX-License-Identifier: AGPL-3.0-or-later
"""SSR: maps of several scales, laid over one another like half-transparent sheets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.equal_maps import projection, require_equal_sizes
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Reduction


@block(inputs="n", out="last", kind="fuse", paper="https://arxiv.org/abs/2111.00770", origin="adaptation")
class SSR(nn.Module):
    """Scale-space rendering: ``Σ_i w_i·x_i``, where each map hides what lies behind it as far as it is opaque.

    "Attentive Feature Aggregation", WACV 2023 (arXiv 2111.00770), the authors' code, which fuses the predictions of one
    network on several sizes of a picture. ADAPTATION: here the maps themselves are fused, for the inputs of a head.

    1. Opacity of each map, at each position: ``a_i = |Conv1x1(CBR3x3(CBR3x3(x_i)))|``, one module for all maps (CBR:
       convolution, batch norm, ReLU; no biases).
    2. ``w_i = (1 - exp(-a_i))·Π_{j<i} exp(-a_j)``. The first map is in front; the authors begin with the one of the
       smallest picture, which is the deepest map here, as in every row of ours.
    3. ``Σ_i w_i·x_i``. These weights add up to less than 1 and the rest is lost; ``renormalise`` divides them by their
       sum (ours: the authors fuse probabilities, where what is missing is "nothing there").

    Two more changes are ours: ``reduction`` narrows step 1 (1 is the authors'), and a map of other channels than the
    last is projected by a 1x1 convolution with batch norm for step 3 and then read by step 1.

    At init: no identity; a mean of the maps with weights that vary from place to place. With ``gain=0.0`` the output
    equals the last map, the finest, to the bit: ``x_last + g·(SSR - x_last)``. The gain is ours.

    Cost: ``9C·h + 9h² + 5h`` parameters for any number of maps, with C channels of the last map and h = C/r: 46 240,
    and 0.295 GMACs a map at 128@80x80; with ``reduction=1`` 295 552 and 1.888. A projection adds c_i·C + 2C.

    Args:
        channels: Channels of the maps; the output has those of the last, C.
        reduction: Ratio r; h is C/r, rounded down, at least 1.
        renormalise: Divide the weights by their sum.
        gain: Initial value of the gain g, or None.

    Shapes:
        x: n maps (B, c_i, H, W), the deepest first; output (B, C, H, W). Weights are computed in float32.

    Raises:
        BlockArgumentError: The maps differ in size.
    """

    def __init__(
        self, channels: Sequence[int], reduction: Reduction = 4, renormalise: bool = True, *, gain: Gain | None = None
    ) -> None:
        super().__init__()
        width = channels[-1]
        hidden = max(1, width // reduction)
        self.renormalise = renormalise
        self.projections = nn.ModuleList(projection(c, width) for c in channels)
        self.opacity = nn.Sequential(
            Conv(width, hidden, 3, act=nn.ReLU()),
            Conv(hidden, hidden, 3, act=nn.ReLU()),
            nn.Conv2d(hidden, 1, 1, bias=False),
        )
        self.gain = ResidualGain(width, gain)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Lay the maps over one another."""
        require_equal_sizes(self, x)
        last = x[-1]
        maps = [project(one).to(last.dtype) for project, one in zip(self.projections, x, strict=True)]
        passed = [torch.exp(-self.opacity(one).float().abs()) for one in maps]  # (B, 1, H, W): what shines through
        left, weights = torch.ones_like(passed[0]), []
        for through in passed:
            weights.append(left * (1 - through))
            left = left * through
        if self.renormalise:
            weights = [weight / (1 - left + 1e-6) for weight in weights]
        y = maps[0] * weights[0].to(last.dtype)
        for one, weight in zip(maps[1:], weights[1:], strict=True):
            y = torch.addcmul(y, one, weight.to(last.dtype))
        return self.gain(last, y)
