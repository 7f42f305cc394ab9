# SPDX-License-Identifier: AGPL-3.0-or-later
"""``TorchVision`` rows: their weights are downloaded when the layer is built, which a check must not do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WEIGHTS = 2  # [channels, model, weights, unwrap, truncate, split]


def without_download(args: Sequence[Any]) -> list[Any]:
    """The row's arguments with no weights; their name is looked up, not loaded.

    Raises:
        ValueError: torchvision has no such weights.
    """
    from torchvision.models import get_model_weights  # type: ignore[import-untyped]

    without = list(args)
    if len(without) <= WEIGHTS - 1:
        return without
    weights = without[WEIGHTS] if len(without) > WEIGHTS else "DEFAULT"
    without[WEIGHTS : WEIGHTS + 1] = [None]
    if weights not in (None, "None"):
        known = get_model_weights(str(without[1]))
        if str(weights).removeprefix(f"{known.__name__}.") not in known.__members__:
            raise ValueError(f"there are no weights {weights!r} for {without[1]}, only {', '.join(known.__members__)}")
    return without


def downloads(module: Any, args: Any) -> bool:
    """Whether building the row downloads weights."""
    if module != "TorchVision" or not isinstance(args, list):
        return False
    return len(args) <= WEIGHTS or args[WEIGHTS] not in (None, "None")
