# SPDX-License-Identifier: AGPL-3.0-or-later
"""The box prior: new box branches start with boxes of a useful size.

A fresh DFL branch gives every bin the same probability, so its boxes reach 7.5 strides to each side. On a level that is
there for small objects, such boxes overlap none of them enough to be learnt from: the best soft label of objects of 8
to 16 px falls from 0.54 to 0.08. With the bias b_k = -(k - m)^2 / 2 of bin k, the boxes of a fresh branch reach about m
strides to each side. The weights stay as they are. Heads with ``reg_max: 1`` (YOLO26) start with m = 2 by themselves.

Branches that a head does not share with the pretrained one get the prior when weights are carried over. With the key
``box_prior: 2`` at the top of a model YAML all branches have it when the model is built, for training from scratch;
``box_prior: 0`` turns it off everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.branch_width import BOX_BRANCHES

KEY = "box_prior"
DEFAULT_MEAN = 2.0
LARGEST_MEAN = 15.0


def read_box_prior(model: dict[str, Any] | None, file: str) -> float | None:
    """The value of ``box_prior:`` in a model YAML, or None if it is not there.

    Raises:
        ModelYamlError: It is no number between 0 and 15.
    """
    value = (model or {}).get(KEY)
    if value is None:
        return None
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not 0 <= number <= LARGEST_MEAN:
        raise ModelYamlError(f"{file}: {KEY} must be 0 (off) to {LARGEST_MEAN:g} strides, got {value!r:.40}")
    return number


def set_box_prior(head: Any, levels: Iterable[int], mean: float) -> list[int]:
    """Give the box branches of a head's levels the prior.

    Args:
        head: Ultralytics' Detect, or a head derived from it.
        levels: Indices of the levels, finest first.
        mean: How many strides the boxes reach to each side; 0 leaves all as it is.

    Returns:
        The levels that have it now: none for a head without distributions (``reg_max`` 1).
    """
    import torch

    bins = getattr(head, "reg_max", 1)
    if not mean or bins <= 1:
        return []
    given = []
    bias = -0.5 * (torch.arange(bins, dtype=torch.float32) - mean) ** 2
    for level in levels:
        for name in BOX_BRANCHES:
            branches = getattr(head, name, None)
            last = branches[level][-1] if branches is not None else None
            if last is not None and last.bias is not None and last.bias.numel() == 4 * bins:
                last.bias.data.copy_(bias.repeat(4))
                given.append(level)
    return sorted(set(given))
