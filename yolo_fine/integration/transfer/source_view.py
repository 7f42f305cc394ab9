# SPDX-License-Identifier: AGPL-3.0-or-later
"""A pretrained model as the stock ``load`` must see it: layers and head branches where their partners stand."""

from __future__ import annotations

import copy
from typing import Any

from yolo_fine.integration.branch_width import CLASS_BRANCHES, has_narrow_branches, hidden_width, with_width
from yolo_fine.integration.transfer.pairing import Pairing


def renumbered(source: Any, target: Any, pairing: Pairing) -> Any:
    """A view of the source model whose layers, and branches of the head, stand where their partners do."""
    from torch import nn

    layers = [
        source.model[pairing.layers[j]] if j in pairing.layers else nn.Identity() for j in range(len(target.model))
    ]
    borrowed: tuple[str, ...] = ()
    if pairing.branches is not None:
        layers[pairing.head] = _rearranged(source.model[-1], target.model[-1], pairing)
        missing = set(range(target.model[-1].nl)) - set(pairing.branches)
        borrowed = tuple(f"model.{pairing.head}.{name}.{j}." for name in pairing.lists for j in sorted(missing))
    view = copy.copy(source)
    view._modules = {**source._modules, "model": nn.Sequential(*layers)}

    def state_dict(*args: Any, **kwargs: Any) -> dict[str, Any]:
        tensors = type(source).state_dict(view, *args, **kwargs)
        return {key: tensor for key, tensor in tensors.items() if not key.startswith(borrowed)}

    if borrowed:
        view.state_dict = state_dict  # the branches that stand in are not the source's
    return view


def _rearranged(source: Any, target: Any, pairing: Pairing) -> Any:
    """A view of the source's head with its branches in the target's order.

    Where the source has no branch, one of the target's own form stands in. Stock then compares widths, and replaces the
    target's class branches by these where they have another one, to keep their pretrained layers. So the one that
    stands in is as wide as the others, unless the target's is narrow by its YAML.
    """
    from torch import nn

    view = copy.copy(source)
    view._modules = dict(source._modules)
    branches, narrow = pairing.branches or {}, has_narrow_branches(target)
    for name in pairing.lists:
        theirs, ours = getattr(source, name), getattr(target, name)
        places = []
        for j, own in enumerate(ours):
            if j in branches:
                places.append(theirs[branches[j]])
            elif name in CLASS_BRANCHES:
                places.append(with_width(own, hidden_width(own if narrow else theirs[0])))
            else:
                places.append(copy.deepcopy(own))
        view._modules[name] = nn.ModuleList(places)
    return view
