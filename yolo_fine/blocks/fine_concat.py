# SPDX-License-Identifier: AGPL-3.0-or-later
"""FINEConcat: the row of a stock YAML that concatenates two maps, with FINE inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from yolo_fine.blocks.fine import FINE, PAPER, softmax_over_tokens
from yolo_fine.layers.checks import require_sizes
from yolo_fine.layers.places import tokens_of_the_coarsest_map
from yolo_fine.layers.pooling import pool
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.layers.views import View
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Gain, Positive, PositiveNumber


@block(
    inputs=("high", "low"),
    out="sum",
    kind="fuse",
    paper=PAPER,
    origin="reconstruction",
    arguments_at=tokens_of_the_coarsest_map,
    quadratic=softmax_over_tokens,
)
class FINEConcat(nn.Module):
    """Concat that refines its second map by FINE: the one word to change in a stock YAML.

    RECONSTRUCTION, as :class:`FINE` is, with the same forms. Takes the maps that Concat takes, ``high`` already
    upsampled to the size of ``low``, and returns ``concat([high, FINE([pool2(high), low])])``. The pool by 2 undoes a
    nearest-neighbour upsample exactly; after another upsampler FINE sees its 2x2 means. Every argument is FINE's, so
    the ``[1]`` of a Concat row reads as ``stride=1``: right for P5 into P4; write 2 for P4 into P3 (with 1 it works on
    four times the tokens).

    At init: equals ``torch.cat([high, low], 1)`` to the bit.

    Cost: as :class:`FINE`.

    Args:
        c_high: Channels of ``high``.
        c_low: Channels of ``low``.
        stride: See :class:`FINE`, also for everything that follows.
        heads: See :class:`FINE`.
        attn: See :class:`FINE`.
        modulation: See :class:`FINE`.
        gain: See :class:`FINE`.
        pe: See :class:`FINE`.
        mlp_ratio: See :class:`FINE`.

    Shapes:
        x: [high (B, c_high, H, W), low (B, c_low, H, W)]; output (B, c_high + c_low, H, W), high first.

    Raises:
        BlockArgumentError: The maps differ in size.
    """

    def __init__(
        self,
        c_high: int,
        c_low: int,
        stride: Literal[1, 2, 4] = 1,
        heads: Positive | None = None,
        attn: Literal["linear", "softmax"] = "linear",
        *,
        modulation: Literal["residual", "mul"] = "residual",
        gain: Gain = 0.0,
        pe: bool = True,
        mlp_ratio: PositiveNumber = 4.0,
    ) -> None:
        super().__init__()
        self.fine = FINE(
            c_high, c_low, stride, heads, attn, modulation=modulation, gain=gain, pe=pe, mlp_ratio=mlp_ratio
        )

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Concatenate ``high`` and the refined ``low``."""
        high, low = x
        same = is_tracing() or high.shape[2:] == low.shape[2:]
        require_sizes(self, same, "'high' must be upsampled to the size of 'low'", high=high, low=low)
        return torch.cat([high, self.fine([pool(high, 2), low])], dim=1)  # (B, c_high + c_low, H, W)

    def views(self, x: Sequence[Tensor]) -> Iterator[View]:
        """What :class:`FINE` shows."""
        yield from self.fine.views([pool(x[0], 2), x[1]])
