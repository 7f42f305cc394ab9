# SPDX-License-Identifier: AGPL-3.0-or-later
"""Blocks that can start equal to the stock layer that they replace: its tensors, in the block's own form.

A block says so by a method ``tensors_of(replaced) -> dict[str, Tensor] | None``: the state in which it equals a
pretrained layer, or None where there is none.
"""

from __future__ import annotations

import copy
from typing import Any

METHOD = "tensors_of"


def tensors_taken_over(source: Any, target: Any) -> dict[str, Any] | None:
    """The state in which a block ``target`` equals the pretrained layer ``source``; None if it can't take it over."""
    method = getattr(target, METHOD, None)
    if method is None or type(source) is type(target):
        return None
    found: dict[str, Any] | None = method(source)
    return found


def with_layers_taken_over(source: Any, target: Any, layers: dict[int, int]) -> Any:
    """A view of the source model in which layers that blocks take over have the form of these.

    Args:
        source: The pretrained model.
        target: The model to be filled.
        layers: Layer of the target -> layer of the source.
    """
    from torch import nn

    ours = list(source.model)
    changed = False
    for j, i in layers.items():
        tensors = tensors_taken_over(ours[i], target.model[j])
        if tensors is not None:
            ours[i] = copy.deepcopy(target.model[j])
            ours[i].load_state_dict(tensors)
            changed = True
    if not changed:
        return source
    view = copy.copy(source)
    view._modules = {**source._modules, "model": nn.Sequential(*ours)}
    return view
