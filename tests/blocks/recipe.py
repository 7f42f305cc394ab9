# SPDX-License-Identifier: AGPL-3.0-or-later
"""How one of our blocks takes the authors' weights: what each file of ``tests/blocks/recipes`` returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor, nn


@dataclass
class Recipe:
    """One of our blocks as a golden file needs it.

    Attributes:
        block: The module, with the arguments that reproduce the authors' code.
        names: Our parameter or buffer -> the authors' names; several are concatenated.
        run: From the module and the inputs to what the authors' class returns.
        constants: The authors' tensors without effect: buffers that our block computes, and what is never used.
        convert: Our parameter -> from the authors' values (concatenated) to ours, where these differ by more than axes.
    """

    block: nn.Module
    names: dict[str, tuple[str, ...]]
    run: Callable[[nn.Module, list[Tensor]], Tensor]
    constants: frozenset[str] = frozenset()
    convert: dict[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)


def batch_norm(ours: str, theirs: str) -> dict[str, tuple[str, ...]]:
    return {f"{ours}.{key}": (f"{theirs}.{key}",) for key in ("weight", "bias", "running_mean", "running_var")}
