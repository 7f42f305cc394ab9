# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ends what builds or runs a layer once it needs too much."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

MOST_STEPS = 10_000  # operations to build or to run one layer; no stock layer needs more than 1,000


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call,unused-ignore]
    """Ends what builds or runs a layer as soon as it goes beyond the bounds.

    Args:
        values: The most values that a tensor may have; None where only the steps count.
    """

    def __init__(self, values: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.values, self.steps = values, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``, count it, and look at the size of what it returns."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise RuntimeError(f"it needs more than {MOST_STEPS:,} steps")
        result = func(*args, **(kwargs or {}))
        if self.values and isinstance(result, torch.Tensor) and result.numel() > self.values:
            raise RuntimeError(f"it needs a tensor of {result.numel():,} values for an image of 256 x 256 pixels")
        return result
