# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pick: one map of a row that puts out several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn

from yolo_fine.registry import block
from yolo_fine.utils.constraints import Constraint

Index = Annotated[int, Constraint("a whole number from 0", lambda value: value >= 0)]


@block(inputs="maps", out="picked", kind="pick", origin="adaptation")
class Pick(nn.Module):
    """One of the maps that the row above puts out, as ``- [11, 1, Pick, [0]]``.

    A row of a model YAML has one output; a block such as :class:`CFPT` has several. Its row puts out a list, is
    computed once, and a row of Pick takes one map from that list. All other rows read maps. Not from a paper.
    (Ultralytics' own ``Index`` does the same, but wants the number of channels, unscaled; Pick knows it.)

    At init: no parameters, nothing is computed.

    Cost: none.

    Args:
        channels: Channels of the maps.
        index: Which map, from 0.

    Shapes:
        x: a list of maps; output the map at ``index``.
    """

    def __init__(self, channels: Sequence[int], index: Index = 0) -> None:
        super().__init__()
        self.index = index

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Take the map."""
        return x[self.index]
