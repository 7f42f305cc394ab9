# SPDX-License-Identifier: AGPL-3.0-or-later
"""Narrow branches at stride 4: what makes a P2 level affordable.

Ultralytics makes the branches of all levels equally wide. On a map of 160 x 160 cells, a box branch of 64 channels
behind a map of 32 costs almost half as much as all of yolo11n. With the key ``p2_branch: 1`` at the top of a model
YAML, the hidden channels of the box and class branches at stride 4 are as many as their map has, with 0.5 half as many:
a multiple of 8, and never more than stock. The branches of the other levels stay as wide as in the model without this
level, so that pretrained ones fit; stock would make those of larger scales narrower. With ``p2_class: 0`` beside it
the class branch at stride 4 is as wide as those of the other levels: where it is depthwise, as in YOLO11, that costs
little.

The branches are made when Ultralytics sets the head's biases, right after it has found the strides. They consist of
Ultralytics' own layers, in the same order: checkpoints, ``fuse`` and exports see a stock head.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

from yolo_fine.errors import ModelYamlError

KEY, CLASS_KEY = "p2_branch", "p2_class"
STRIDE = 4
LARGEST_SHARE = 4.0
MULTIPLE_OF = 8
BOX_BRANCHES = ("cv2", "one2one_cv2")
CLASS_BRANCHES = ("cv3", "one2one_cv3")
WIDEST_BY_CLASSES = 100


@dataclass(frozen=True)
class BranchShares:
    """Hidden channels at stride 4, as shares of the map's.

    Attributes:
        box: Of the box branch; 0 makes it as wide as those of the other levels.
        classes: Of the class branch, likewise.
    """

    box: float
    classes: float


def read_branch_shares(model: dict[str, Any] | None, file: str) -> BranchShares | None:
    """The values of ``p2_branch:`` and ``p2_class:`` in a model YAML, or None if all is as stock.

    Raises:
        ModelYamlError: One is no number between 0 and 4.
    """
    box = _read_share(model, KEY, file) or 0.0
    classes = _read_share(model, CLASS_KEY, file)
    shares = BranchShares(box, box if classes is None else classes)
    return shares if shares.box or shares.classes else None


def _read_share(model: dict[str, Any] | None, key: str, file: str) -> float | None:
    value = (model or {}).get(key)
    if value is None:
        return None
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not 0 <= number <= LARGEST_SHARE:
        raise ModelYamlError(
            f"{file}: {key} must be 0 (as wide as stock) to {LARGEST_SHARE:g} times the channels of the map, "
            f"got {value!r:.40}"
        )
    return number


def narrow_branches(head: Any, shares: BranchShares) -> list[int]:
    """Make a head's branches at stride 4 narrow, and those of the other levels as wide as without that level.

    Args:
        head: Ultralytics' Detect, or a head derived from it, whose strides are known.
        shares: Hidden channels as shares of the map's.

    Returns:
        The levels that are narrow now: none in a head without a level at stride 4.
    """
    levels = narrow_levels(head)
    both = ((BOX_BRANCHES, _box_width, shares.box), (CLASS_BRANCHES, _class_width, shares.classes))
    for names, width_of, share in both:
        branches = getattr(head, names[0], None)
        if not branches or not levels:
            continue
        maps = [_inputs(branch) for branch in branches]
        stock = hidden_width(branches[0])
        coarser = next(width for level, width in enumerate(maps) if level not in levels)
        wide = width_of(head, coarser) if stock == width_of(head, maps[0]) else stock
        for level, branch in enumerate(branches):
            share_of_map = max(MULTIPLE_OF * round(share * maps[level] / MULTIPLE_OF), MULTIPLE_OF)
            is_narrow = share > 0 and level in levels
            branches[level] = with_width(branch, min(stock, share_of_map) if is_narrow else wide)
        if getattr(head, names[1], None) is not None:  # stock copies them too
            setattr(head, names[1], copy.deepcopy(branches))
    return levels


def narrow_levels(head: Any) -> list[int]:
    """Levels of a head at stride 4, where there are others too."""
    strides = getattr(head, "stride", None)
    found = [round(float(stride)) for stride in strides] if strides is not None else []
    levels = [level for level, stride in enumerate(found) if stride == STRIDE]
    return levels if len(levels) < len(found) and hasattr(head, BOX_BRANCHES[0]) else []


def has_narrow_branches(head: Any) -> bool:
    """Whether the class branch at stride 4 has another hidden width than the others."""
    branches = getattr(head, CLASS_BRANCHES[0], None)
    if not branches or not hasattr(head, "reg_max"):
        return False
    levels = narrow_levels(head)
    rest = [branch for level, branch in enumerate(branches) if level not in levels]
    return any(hidden_width(branches[level]) != hidden_width(rest[0]) for level in levels)


def hidden_width(branch: Any) -> int:
    """Channels that a branch's last convolution reads."""
    return int(branch[-1].in_channels)


def with_width(branch: Any, width: int) -> Any:
    """A copy of a branch, its hidden layers made anew where it has another width.

    Args:
        branch: An ``nn.Sequential`` that ends in an ``nn.Conv2d``, made of Ultralytics' Conv layers.
        width: Hidden channels.
    """
    from torch import nn
    from ultralytics.nn.modules import Conv

    twin = copy.deepcopy(branch)
    last = twin[-1]
    if last.in_channels == width:
        return twin
    layers = [layer for layer in twin.modules() if isinstance(layer, Conv)]
    channels = layers[0].conv.in_channels
    for layer in layers:
        old = layer.conv
        depthwise = old.groups > 1
        out = channels if depthwise else width
        layer.conv = nn.Conv2d(
            channels, out, old.kernel_size, old.stride, old.padding, old.dilation, out if depthwise else 1, bias=False
        )
        layer.bn = nn.BatchNorm2d(out, eps=layer.bn.eps, momentum=layer.bn.momentum)
        channels = out
    twin[-1] = nn.Conv2d(channels, last.out_channels, 1)
    return twin


def _inputs(branch: Any) -> int:
    """Channels of the map that a branch reads."""
    return int(next(layer for layer in branch.modules() if hasattr(layer, "in_channels")).in_channels)


def _box_width(head: Any, finest: int) -> int:
    """Hidden width of stock's box branches, given the channels of the finest map."""
    return max(16, finest // 4, 4 * int(head.reg_max))


def _class_width(head: Any, finest: int) -> int:
    """Hidden width of stock's class branches, given the channels of the finest map."""
    return max(finest, min(int(head.nc), WIDEST_BY_CLASSES))
