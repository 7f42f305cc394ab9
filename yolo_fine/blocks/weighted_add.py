# SPDX-License-Identifier: AGPL-3.0-or-later
"""WeightedAdd: a sum of maps with one learnt weight each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from yolo_fine.layers.equal_maps import projection, require_equal_sizes
from yolo_fine.layers.views import Bars, View
from yolo_fine.registry import block

PAPER = "https://arxiv.org/abs/1911.09070"


@block(
    inputs="n",
    out="first",
    kind="fuse",
    paper="https://arxiv.org/abs/1911.09070",
    origin="adaptation",
    aliases=("BiFPN", "BiFPN_Add", "BiFPN_Add2", "BiFPN_Add3", "WeightedFeatureFusion"),
)
class WeightedAdd(nn.Module):
    """``Σ w_i·x_i``: the weighted feature fusion of BiFPN, for any number of maps of one size.

    "EfficientDet: Scalable and Efficient Object Detection", CVPR 2020 (arXiv 1911.09070, section 3.3). ADAPTATION: only
    the sum is here, BiFPN's resampling and its convolution behind the sum are rows of the YAML. The paper's maps have
    equal channels; here a map of other channels than the first is projected by a 1x1 convolution with batch norm, so
    that the block can stand where Concat stood.

    * ``fast``: the paper's fast normalised fusion, ``ReLU(w_i) / (ε + Σ_j ReLU(w_j))`` with ε = 1e-4.
    * ``plain``: the weights as they are (the paper's unbounded fusion).

    At init: every w is 1. ``plain`` is the sum of the maps to the bit, where their channels are equal; ``fast`` is
    their mean, but for ε.

    Cost: n parameters for n maps, and ``c_i·c_0 + 2·c_0`` for each map of other channels.

    Args:
        channels: Channels of the maps; the output has those of the first.
        weights: ``fast`` or ``plain``.

    Shapes:
        x: n maps (B, c_i, H, W); output (B, c_0, H, W). Weights are normalised in float32.

    Raises:
        BlockArgumentError: The maps differ in size.
    """

    def __init__(self, channels: Sequence[int], weights: Literal["fast", "plain"] = "fast") -> None:
        super().__init__()
        self.normalised = weights == "fast"
        self.projections = nn.ModuleList(projection(c, channels[0]) for c in channels)
        self.weight = nn.Parameter(torch.ones(len(channels)))

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Add the maps up."""
        require_equal_sizes(self, x)
        weights = self._weights()
        dtype = x[0].dtype
        y = x[0] * weights[0].to(dtype)
        for i, projected in enumerate(self.projections[1:], start=1):
            y = torch.addcmul(y, projected(x[i]).to(dtype), weights[i].to(dtype))
        return y

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """What each map counts."""
        yield Bars("weights of the maps", self._weights()[None], tuple(f"map {i}" for i in range(len(x))))

    def _weights(self) -> Tensor:
        """A weight a map, in float32."""
        weights = self.weight.float()
        if not self.normalised:
            return weights
        weights = weights.relu()
        return weights / (weights.sum() + 1e-4)
