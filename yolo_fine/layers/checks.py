# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks that blocks share: constructor arguments, and the sizes of the maps they are given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from yolo_fine.errors import BlockArgumentError


def require(holds: bool, owner: str, argument: str, value: Any, accepted: str) -> None:
    """Raise :class:`BlockArgumentError` naming argument, value and what is accepted, unless ``holds``."""
    if not holds:
        raise BlockArgumentError(f"{owner} argument '{argument}' must be {accepted}, got {value!r}")


def require_choice(owner: str, argument: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise :class:`BlockArgumentError` unless ``value`` is one of ``choices`` (True is not 1)."""
    known = any(value == choice and type(value) is type(choice) for choice in choices)
    require(known, owner, argument, value, " or ".join(repr(choice) for choice in choices))


def require_divisor(owner: str, argument: str, value: Any, channels: int) -> None:
    """Raise :class:`BlockArgumentError` unless ``value`` is a positive integer that divides ``channels``."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
    require(whole and channels % value == 0, owner, argument, value, f"a divisor of the {channels} channels")


def require_positive(owner: str, argument: str, value: Any) -> None:
    """Raise :class:`BlockArgumentError` unless ``value`` is a positive integer (True is none)."""
    require(type(value) is int and value > 0, owner, argument, value, "a positive integer")


def require_scale(owner: str, scale: Any) -> None:
    """Raise :class:`BlockArgumentError` unless ``scale`` is an integer from 2."""
    require(type(scale) is int and scale >= 2, owner, "scale", scale, "a whole number from 2")


def require_odd(owner: str, argument: str, value: Any, least: int = 3) -> None:
    """Raise :class:`BlockArgumentError` unless ``value`` is an odd integer from ``least``."""
    odd = type(value) is int and value >= least and value % 2 == 1
    require(odd, owner, argument, value, f"an odd number from {least}")


def require_rates(owner: str, dilations: Any) -> None:
    """Raise :class:`BlockArgumentError` unless ``dilations`` is a list of positive integers, not empty."""
    rates = isinstance(dilations, (list, tuple)) and all(type(rate) is int and rate > 0 for rate in dilations)
    require(rates and len(dilations) > 0, owner, "dilations", dilations, "a list of positive integers")


def require_positive_number(owner: str, argument: str, value: Any) -> None:
    """Raise :class:`BlockArgumentError` unless ``value`` is a finite number above 0."""
    require(is_number(value) and value > 0, owner, argument, value, "a positive number")


def require_gain(owner: str, gain: Any, optional: bool = True) -> None:
    """Raise :class:`BlockArgumentError` unless ``gain`` is a finite number, or None where that is ``optional``."""
    accepted = is_number(gain) or (optional and gain is None)
    require(accepted, owner, "gain", gain, "a number or None" if optional else "a number")


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number (True is none)."""
    return type(value) in (int, float) and math.isfinite(value)


def largest_divisor(channels: int, limit: int) -> int:
    """The largest divisor of ``channels`` that is not above ``limit`` (at least 1)."""
    return next(n for n in range(max(1, min(limit, channels)), 0, -1) if channels % n == 0)


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

    True while tracing, where sizes are symbols and a comparison would be baked into the graph.
    """
    if torch.jit.is_tracing():
        return True
    return all(abs(fine.shape[axis] - 2 * coarse.shape[axis]) <= 1 for axis in (2, 3))


def doubles(coarse: Tensor, fine: Tensor) -> bool:
    """Whether ``coarse`` has half the height and width of ``fine``, with odd sizes rounded up.

    True while tracing, as :func:`halves`.
    """
    if torch.jit.is_tracing():
        return True
    return all(2 * coarse.shape[axis] - fine.shape[axis] in (0, 1) for axis in (2, 3))
