# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pretrained tensors follow their layers when rows of ours are inserted.

Stock Ultralytics matches tensors by layer number, so everything behind an inserted row starts afresh. Here the layers
of both models are paired first: in order, layers of one class only, so that the most parameters find their place. A
view of the source with its layers renumbered then goes to the stock ``load``, which keeps its own rules (class heads,
names). Where neither model holds a block of ours, stock sees the source as it is.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

from yolo_fine.registry import list_blocks

Pairs = dict[int, int]  # layer of the target -> layer of the source


def wrap_load(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``BaseModel.load``: renumber the source's layers where rows of ours were inserted, removed or replaced."""

    @functools.wraps(stock)
    def load(self: Any, weights: Any, verbose: bool = True) -> Any:
        source = (weights.get("ema") or weights["model"]) if isinstance(weights, dict) else weights
        if not needs_alignment(source, self):
            return stock(self, weights, verbose)
        layers = list(self.model)
        pairs = align(list(source.model), layers)
        result = stock(self, renumbered(source, pairs, len(layers)), verbose)
        if verbose:
            from ultralytics.utils import LOGGER

            LOGGER.info(report(source, layers, pairs))
        return result

    return load


def needs_alignment(source: Any, target: Any) -> bool:
    """Whether both are layered models, one of them holds a block of ours, and their layers differ."""
    from torch import nn

    theirs, ours = getattr(source, "model", None), getattr(target, "model", None)
    if not isinstance(theirs, nn.Sequential) or not isinstance(ours, nn.Sequential):
        return False
    blocks = tuple(spec.cls for spec in list_blocks())
    holds_ours = any(isinstance(module, blocks) for module in (*theirs.modules(), *ours.modules()))
    return holds_ours and [type(layer) for layer in theirs] != [type(layer) for layer in ours]


def align(source: Sequence[Any], target: Sequence[Any]) -> Pairs:
    """Pair layers in order so that the most parameters are carried over (longest common subsequence, weighted).

    Args:
        source: Layers of the pretrained model.
        target: Layers of the model to be filled.
    """
    shapes = [[_shapes(layer) for layer in layers] for layers in (source, target)]

    def carried(i: int, j: int) -> float:
        if type(source[i]) is not type(target[j]):
            return 0.0
        theirs, ours = shapes[0][i], shapes[1][j]
        return 0.5 + sum(shape.numel() for key, shape in theirs.items() if ours.get(key) == shape)

    best = [[0.0] * (len(target) + 1) for _ in range(len(source) + 1)]  # best[i][j]: of the first i and j layers
    for i in range(len(source)):
        for j in range(len(target)):
            together = best[i][j] + carried(i, j)
            best[i + 1][j + 1] = max(best[i][j + 1], best[i + 1][j], together)
    pairs: Pairs = {}
    i, j = len(source), len(target)
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs[j] = i
    return pairs


def renumbered(source: Any, pairs: Pairs, length: int) -> Any:
    """A view of the source model whose layers stand where their partners in the target do."""
    from torch import nn

    view = copy.copy(source)
    layers = [source.model[pairs[j]] if j in pairs else nn.Identity() for j in range(length)]
    view._modules = {**source._modules, "model": nn.Sequential(*layers)}
    return view


def report(source: Any, target: Sequence[Any], pairs: Pairs) -> str:
    """``yolo_fine: 499/499 pretrained tensors in their places; new: FINE at 11, FINE at 15``."""
    total = carried = 0
    for i, layer in enumerate(source.model):
        place = next((j for j, partner in pairs.items() if partner == i), None)
        ours = _shapes(target[place]) if place is not None else {}
        theirs = _shapes(layer)
        total += len(theirs)
        carried += sum(ours.get(key) == shape for key, shape in theirs.items())
    new = [f"{type(layer).__name__} at {j}" for j, layer in enumerate(target) if j not in pairs]
    loud = "" if carried >= 0.95 * total else "WARNING: "
    return f"{loud}yolo_fine: {carried}/{total} pretrained tensors in their places; new: {', '.join(new) or 'none'}"


def _shapes(layer: Any) -> dict[str, Any]:
    return {key: value.shape for key, value in layer.state_dict().items()}
