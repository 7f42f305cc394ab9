# SPDX-License-Identifier: AGPL-3.0-or-later
"""What fusers of maps of one size share: projecting a map to the channels of another, and the check of sizes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from ultralytics.nn.modules import Conv

from yolo_fine.layers.checks import require_sizes
from yolo_fine.layers.tracing import is_tracing


def projection(c1: int, c2: int) -> nn.Module:
    """1x1 convolution with batch norm from ``c1`` to ``c2`` channels; nothing where they are equal."""
    return nn.Identity() if c1 == c2 else Conv(c1, c2, 1, act=False)


def require_equal_sizes(module: nn.Module, maps: Sequence[Tensor]) -> None:
    """Raise :class:`BlockArgumentError` with all sizes unless the maps have one height and width."""
    equal = is_tracing() or all(x.shape[2:] == maps[0].shape[2:] for x in maps)
    require_sizes(module, equal, "all maps must have one size", **{f"x[{i}]": x for i, x in enumerate(maps)})
