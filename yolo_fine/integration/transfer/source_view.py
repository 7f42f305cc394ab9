# SPDX-License-Identifier: AGPL-3.0-or-later
"""A pretrained model as the stock ``load`` must see it: layers and head branches where their partners stand."""

from __future__ import annotations

import copy
from typing import Any

from yolo_fine.integration.transfer.pairing import CLASS_BRANCHES, Pairing


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
    stands in is as wide as the others.
    """
    from torch import nn

    view = copy.copy(source)
    view._modules = dict(source._modules)
    branches = pairing.branches or {}
    for name in pairing.lists:
        theirs, ours = getattr(source, name), getattr(target, name)
        places = []
        for j, own in enumerate(ours):
            if j in branches:
                places.append(theirs[branches[j]])
            elif name in CLASS_BRANCHES:
                places.append(_with_width(own, theirs[0][-1].in_channels))
            else:
                places.append(copy.deepcopy(own))
        view._modules[name] = nn.ModuleList(places)
    return view


def _with_width(branch: Any, width: int) -> Any:
    """A copy of a class branch, its hidden layers made anew where it has another width."""
    from torch import nn
    from ultralytics.nn.modules import Conv

    twin = copy.deepcopy(branch)
    last = twin[-1]
    if last.in_channels == width:
        return twin
    layers = [layer for layer in twin.modules() if isinstance(layer, Conv)]
    channels = layers[0].conv.in_channels
    for layer in layers:
        old = layer.conv
        depthwise = old.groups > 1
        out = channels if depthwise else width
        layer.conv = nn.Conv2d(
            channels, out, old.kernel_size, old.stride, old.padding, old.dilation, out if depthwise else 1, bias=False
        )
        layer.bn = nn.BatchNorm2d(out, eps=layer.bn.eps, momentum=layer.bn.momentum)
        channels = out
    twin[-1] = nn.Conv2d(channels, last.out_channels, 1)
    return twin
