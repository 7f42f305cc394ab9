# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which layer of a pretrained model belongs to which layer of a model whose rows differ.

Layers are paired in order, so that the most parameters find a place of their shape. The head's branches are paired by
stride: with a P2 head in front, the pretrained branch for P3 is the second one, not the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from yolo_fine.integration.branch_width import CLASS_BRANCHES
from yolo_fine.integration.transfer.takeover import tensors_taken_over

Pairs = dict[int, int]  # place in the target -> place in the source


@dataclass(frozen=True)
class Pairing:
    """Layers of two models that belong together.

    Attributes:
        layers: Layer of the target -> layer of the source.
        branches: Branch of the target's head -> branch of the source's, where they are not paired one by one.
        lists: Names of the head's lists that hold one branch for each stride, as ``cv2``.
        head: Number of the target's head among its layers.
        head_is_new: Whether the target's head has no partner in the source's.
    """

    layers: Pairs
    branches: Pairs | None = None
    lists: tuple[str, ...] = ()
    head: int = -1
    head_is_new: bool = False

    def target_of(self, layer: int) -> int | None:
        """The target's layer for a layer of the source."""
        return next((ours for ours, theirs in self.layers.items() if theirs == layer), None)

    def target_key(self, layer: int, key: str) -> str | None:
        """The name, within layer ``layer`` of the target, of the tensor that its partner calls ``key``.

        Returns:
            None for a branch of a stride that the target's head does not have.
        """
        name, _, rest = key.partition(".")
        if layer != self.head or self.branches is None or name not in self.lists:
            return key
        place, _, rest = rest.partition(".")
        ours = next((ours for ours, theirs in self.branches.items() if theirs == int(place)), None)
        return None if ours is None else f"{name}.{ours}.{rest}"


def pair(source: Sequence[Any], target: Sequence[Any]) -> Pairing:
    """Pair the layers of two models, and the branches of their heads.

    Args:
        source: Layers of the pretrained model.
        target: Layers of the model to be filled.
    """
    same = [type(layer) for layer in source] == [type(layer) for layer in target]
    layers = {i: i for i in range(len(target))} if same else align(source, target)
    head, their_head = len(target) - 1, source[-1]
    strides, their_strides = strides_of(target[head]), strides_of(their_head)
    if layers.get(head) != len(source) - 1:
        return Pairing(layers, head=head, head_is_new=True)
    if not strides or not their_strides or strides == their_strides:
        return Pairing(layers)
    branches = {j: their_strides.index(stride) for j, stride in enumerate(strides) if stride in their_strides}
    lists = set(branch_lists(their_head)) & set(branch_lists(target[head]))
    return Pairing(layers, branches, tuple(sorted(lists)), head)


def align(source: Sequence[Any], target: Sequence[Any]) -> Pairs:
    """Pair layers in order so that the most parameters are carried over (longest common subsequence, weighted).

    A layer goes to one of its own class, of a related class where tensors fit (``Detect`` to ``Segment``), or to a
    block that can take it over.
    """
    shapes = [[_shapes(layer) for layer in layers] for layers in (source, target)]

    def carried(i: int, j: int) -> float:
        if not _related(type(source[i]), type(target[j])):
            taken = tensors_taken_over(source[i], target[j]) is not None
            return float(sum(shape.numel() for shape in shapes[0][i].values())) if taken else 0.0
        theirs, ours = shapes[0][i], shapes[1][j]
        same_class = 0.5 if type(source[i]) is type(target[j]) else 0.0  # less than one parameter: it breaks ties
        fitting = [shape for key, shape in theirs.items() if ours.get(key) == shape]
        if len(fitting) < len(theirs):  # biases and statistics fit many layers; without their weights they say nothing
            fitting = [shape for shape in fitting if len(shape) > 1]
        return same_class + float(sum(shape.numel() for shape in fitting))

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


def strides_of(head: Any) -> list[float] | None:
    """Strides of a head's branches, or None for a head without branches or one that was never built into a model."""
    import torch

    stride, count = getattr(head, "stride", None), getattr(head, "nl", None)
    values = stride.flatten().tolist() if isinstance(stride, torch.Tensor) else []
    return values if len(values) == count and all(values) else None


def class_width(head: Any) -> int | None:
    """Hidden width of a head's class branches, if it has such; those at stride 4 may be narrower."""
    branches = getattr(head, CLASS_BRANCHES[0], None)
    return getattr(branches[-1][-1], "in_channels", None) if branches else None


def branch_lists(head: Any) -> list[str]:
    """Names of a head's lists with one branch for each stride."""
    from torch import nn

    return [name for name, part in head.named_children() if isinstance(part, nn.ModuleList) and len(part) == head.nl]


def _related(one: type, other: type) -> bool:
    """Whether two layer classes are one, or have a base class of their own kind in common."""
    from torch import nn

    return one is other or bool((set(one.__mro__) & set(other.__mro__)) - {object, nn.Module, nn.Sequential})


def _shapes(layer: Any) -> dict[str, Any]:
    return {key: value.shape for key, value in layer.state_dict().items()}
