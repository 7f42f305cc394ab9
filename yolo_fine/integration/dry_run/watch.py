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

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Say that no compiler is near: PyTorch would otherwise guard every step against one, which takes longer."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``, count it, and look at the size of what it returns."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise RuntimeError(f"it needs more than {MOST_STEPS:,} steps")
        result = _normalised(args) if _is_plain_norm(func, args) else func(*args, **(kwargs or {}))
        if self.values and isinstance(result, torch.Tensor) and result.numel() > self.values:
            raise RuntimeError(f"it needs a tensor of {result.numel():,} values for an image of 256 x 256 pixels")
        return result


def _is_plain_norm(func: Any, args: Any) -> bool:
    """Whether a batch norm in eval mode gets as many channels as it has, without numbers."""
    if func is not torch.ops.aten.native_batch_norm.default or not args[0].is_meta:
        return False
    value, mean, training = args[0], args[3], args[5]
    return not training and mean is not None and len(mean) == value.shape[1]


def _normalised(args: Any) -> tuple[torch.Tensor, ...]:
    """What it returns: a map of the same shape. PyTorch takes milliseconds to find that out, a third of a dry run."""
    return torch.empty_like(args[0]), args[0].new_empty(0), args[0].new_empty(0)
