# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks of what an annotation can't say: an argument beside the channels, and the sizes of maps beside each other."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers.tracing import is_tracing


def require(module: nn.Module, holds: bool, argument: str, value: Any, accepted: str) -> None:
    """Raise :class:`BlockArgumentError` naming block, argument, value and what is accepted, unless ``holds``."""
    if not holds:
        raise BlockArgumentError(f"{type(module).__name__} argument '{argument}' must be {accepted}, got {value!r}")


def divisor(module: nn.Module, argument: str, value: int | None, channels: int, limit: int = 1) -> int:
    """``value``, which must divide the channels; for None their largest divisor up to ``limit`` (at least 1).

    Raises:
        BlockArgumentError: ``value`` does not divide ``channels``.
    """
    if value is None:
        return next(n for n in range(max(1, min(limit, channels)), 0, -1) if channels % n == 0)
    require(module, channels % value == 0, argument, value, f"a divisor of the {channels} channels")
    return value


def require_sizes(module: nn.Module, holds: bool, problem: str, **maps: Tensor) -> None:
    """Raise :class:`BlockArgumentError` with the sizes of the named maps, unless ``holds``.

    The message starts with the block and, inside a model, the index of its layer (Ultralytics keeps it in ``i``).
    """
    if holds:
        return
    index = getattr(module, "i", None)
    where = type(module).__name__ + ("" if index is None else f" (layer {index})")
    sizes = ", ".join(f"{name} {x.shape[2]}x{x.shape[3]}" for name, x in maps.items())
    raise BlockArgumentError(f"{where}: {problem}, got {sizes}")


def halves(coarse: Tensor, fine: Tensor) -> bool:
    """Whether ``coarse`` has half the height and width of ``fine``, with odd sizes rounded either way.

    True while tracing, where sizes are symbols.
    """
    return is_tracing() or all(abs(fine.shape[axis] - 2 * coarse.shape[axis]) <= 1 for axis in (2, 3))


def doubles(coarse: Tensor, fine: Tensor) -> bool:
    """Whether ``coarse`` has half the height and width of ``fine``, with odd sizes rounded up.

    True while tracing, where sizes are symbols.
    """
    return is_tracing() or all(2 * coarse.shape[axis] - fine.shape[axis] in (0, 1) for axis in (2, 3))
