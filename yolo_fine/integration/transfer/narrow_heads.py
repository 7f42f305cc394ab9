# SPDX-License-Identifier: AGPL-3.0-or-later
"""A head whose branches at stride 4 are narrow keeps them so when pretrained weights are loaded.

Newer releases of Ultralytics replace all class branches by copies of the pretrained ones when the first of them have
another hidden width, so that their layers can be carried over with another number of classes. In a narrow head the
first says nothing about the others. So what stock would do is done here for the wide branches alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from yolo_fine.integration.branch_width import (
    CLASS_BRANCHES,
    has_narrow_branches,
    hidden_width,
    narrow_levels,
    with_width,
)
from yolo_fine.integration.transfer.pairing import Pairing, branch_lists


def keep_narrow(source: Any, target: Any, pairing: Pairing) -> Pairing:
    """Widen the wide class branches of a narrow head to those of the pretrained one.

    Args:
        source: The pretrained head.
        target: The head to be filled; changed in place.
        pairing: Of the two models.

    Returns:
        The pairing without branches of another width at stride 4: what is narrow starts anew there.
    """
    if not has_narrow_branches(target) or not hasattr(source, "nl") or pairing.head_is_new:
        return pairing
    branches = dict(pairing.branches) if pairing.branches is not None else {j: j for j in range(target.nl)}
    narrow = narrow_levels(target)
    for name in CLASS_BRANCHES:
        ours, theirs = getattr(target, name, None), getattr(source, name, None)
        if ours is None or theirs is None:
            continue
        for level, other in list(branches.items()):
            width = hidden_width(theirs[other])
            if hidden_width(ours[level]) == width:
                continue
            if level in narrow:
                del branches[level]
            else:
                bias = ours[level][-1].bias.data
                ours[level] = with_width(ours[level], width)
                ours[level][-1].bias.data.copy_(bias)
    if pairing.branches is None and len(branches) == target.nl:
        return pairing
    lists = tuple(sorted(set(branch_lists(source)) & set(branch_lists(target))))
    return replace(pairing, branches=branches, lists=lists, head=max(pairing.layers))
