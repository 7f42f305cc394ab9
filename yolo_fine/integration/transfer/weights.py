# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pretrained tensors follow their layers when rows are inserted, removed or replaced.

Stock Ultralytics matches tensors by layer number, so everything behind an inserted row starts afresh. Here the layers
of both models are paired first (:mod:`.pairing`). A view of the source with its layers renumbered then goes to the
stock ``load``, which keeps its own rules (class heads, names). Where neither model holds a block of ours, stock sees
the source as it is.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from yolo_fine.catalog import list_blocks
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.box_prior import DEFAULT_MEAN, read_box_prior, set_box_prior
from yolo_fine.integration.branch_width import CLASS_BRANCHES, WIDEST_BY_CLASSES
from yolo_fine.integration.head_settings import has_head_settings
from yolo_fine.integration.transfer.narrow_heads import keep_narrow
from yolo_fine.integration.transfer.pairing import Pairing, class_width, pair, strides_of
from yolo_fine.integration.transfer.source_view import renumbered
from yolo_fine.integration.transfer.takeover import with_layers_taken_over
from yolo_fine.integration.transfer.transfer_report import (
    NO_BRANCH,
    NO_LAYER,
    BoxPrior,
    LostTensor,
    NewLayer,
    TransferReport,
    keep_report,
    say,
)


def wrap_load(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``BaseModel.load``: pair the layers first where one of the models holds a block of ours."""

    @functools.wraps(stock)
    def load(self: Any, weights: Any, *args: Any, **kwargs: Any) -> Any:
        source = (weights.get("ema") or weights["model"]) if isinstance(weights, dict) else weights
        if not (holds_blocks(source, self) or has_our_keys(self)):
            return stock(self, weights, *args, **kwargs)
        report = _load_paired(lambda view: stock(self, view, *args, **kwargs), self, source)
        if kwargs.get("verbose", args[0] if args else True):
            say(report)
        return None

    return load


def transfer(target: Any, source: Any, verbose: bool = True, box_prior: float | None = None) -> TransferReport:
    """Load the tensors of one model into another, paired by layer, whether or not they hold blocks of ours.

    Args:
        target: The model to be filled, as ``YOLO("my.yaml").model``.
        source: The pretrained model.
        verbose: Print what was transferred.
        box_prior: How many strides the boxes of new box branches reach to each side; 0 leaves the branches as they are.
            By default what the target's YAML says, else 2.

    Raises:
        ArgumentError: One of them is no model that Ultralytics built from a YAML.
    """
    for model in (target, source):
        if not _is_layered(model):
            raise ArgumentError(f"{type(model).__name__} is no model built from a YAML: it has no numbered layers")
    stock = inspect.unwrap(type(target).load)
    report = _load_paired(lambda view: stock(target, view, verbose), target, source, box_prior)
    if verbose:
        say(report)
    return report


def holds_blocks(source: Any, target: Any) -> bool:
    """Whether both are layered models and one of them holds a block of ours."""
    if not _is_layered(source) or not _is_layered(target):
        return False
    blocks = tuple(spec.cls for spec in list_blocks())
    return any(isinstance(module, blocks) for module in (*source.model.modules(), *target.model.modules()))


def has_our_keys(target: Any) -> bool:
    """Whether a model's YAML was written for this package, though it may name no block: ``compose head=p2``."""
    return _is_layered(target) and has_head_settings(getattr(target, "yaml", None))


def _is_layered(model: Any) -> bool:
    from torch import nn

    layers = getattr(model, "model", None)
    return isinstance(layers, nn.Sequential) and len(layers) > 0


def _load_paired(
    load: Callable[[Any], Any], target: Any, source: Any, box_prior: float | None = None
) -> TransferReport:
    """Call the stock ``load`` with a renumbered view of the source, then see what arrived."""
    pairing = pair(list(source.model), list(target.model))
    source = with_layers_taken_over(source, target, pairing.layers)
    before, size = class_width(target.model[-1]), _parameter_count(target)
    pairing = keep_narrow(source.model[-1], target.model[-1], pairing)
    load(renumbered(source, target, pairing))
    after = class_width(target.model[-1])
    report = compare(source, target, pairing)
    if before and after and before != after:
        report = replace(report, widened=(before, after), added_parameters=_parameter_count(target) - size)
    report = replace(report, box_prior=_give_prior(source, target, pairing, box_prior))
    if report.transferred == report.total and not report.classes and not hasattr(target, "set_classes"):
        _take_names(source, target)
    keep_report(target, report)
    return report


def _give_prior(source: Any, target: Any, pairing: Pairing, mean: float | None) -> BoxPrior | None:
    """Give the box prior to those branches of the target's head that hold nothing pretrained."""
    if mean is None:
        mean = read_box_prior(target.yaml, "model YAML")
    if mean is None:
        mean = DEFAULT_MEAN
    head = target.model[-1]
    new = new_branches(source.model[-1], head, pairing)
    strides = strides_of(head) or []
    given = [round(strides[level]) for level in set_box_prior(head, new, mean)]
    return BoxPrior(tuple(given), mean) if given else None


def new_branches(source: Any, target: Any, pairing: Pairing) -> list[int]:
    """Levels of a head whose box branch has no pretrained partner of its shape."""
    ours, theirs = getattr(target, "cv2", None), getattr(source, "cv2", None)
    if ours is None or not hasattr(target, "reg_max"):
        return []
    if theirs is None or pairing.head_is_new:
        return [*range(len(ours))]
    partners = {j: j for j in range(len(theirs))} if pairing.branches is None else pairing.branches
    return [
        level
        for level, branch in enumerate(ours)
        if level not in partners or _last_shape(branch) != _last_shape(theirs[partners[level]])
    ]


def _last_shape(branch: Any) -> Any:
    return branch[-1].weight.shape


def _parameter_count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _take_names(source: Any, target: Any) -> None:
    """Class names follow a whole class head where the target's are mere numbers, as stock does for a whole model."""
    names, ours = getattr(source, "names", None), getattr(target, "names", None)
    if isinstance(names, dict) and ours == {i: str(i) for i in range(len(names))}:
        target.names = dict(names)


def compare(source: Any, target: Any, pairing: Pairing) -> TransferReport:
    """See which tensors of the source have a place of their shape in the target, after the load."""
    before, after = _class_count(source), _class_count(target)
    classes = (before, after) if before and after and before != after else None
    ours = [layer.state_dict() for layer in target.model]
    without_partner = {(j, key) for j, tensors in enumerate(ours) for key in tensors}
    width_by_classes = (class_width(source.model[-1]) or 0) <= WIDEST_BY_CLASSES
    lost: list[LostTensor] = []
    partial: list[LostTensor] = []
    transferred = parameters = class_tensors = 0
    for i, layer in enumerate(source.model):
        learned = {name for name, _ in layer.named_parameters()}
        j = pairing.target_of(i)
        for key, tensor in layer.state_dict().items():
            place = None if j is None else pairing.target_key(j, key)
            own = ours[j].get(place) if j is not None and place is not None else None
            without_partner.discard((j, place))
            bands = None if own is None else _bands(tensor, own)
            if own is not None and (own.shape == tensor.shape or bands):
                transferred += 1
                parameters += min(tensor.numel(), own.numel()) * (key in learned)
                partial += [LostTensor(i, j, type(layer).__name__, key, bands)] if bands else []
            elif own is not None and classes and _follows_classes(key, tensor, own, classes, width_by_classes):
                class_tensors += 1
            else:
                lost.append(LostTensor(i, j, type(layer).__name__, key, _reason(j, place, tensor, own)))
    new = []
    for j, layer in enumerate(target.model):
        tensors = sum(place == j for place, _ in without_partner)
        if tensors or j not in pairing.layers:
            part = "part of " * (j in pairing.layers)
            new.append(NewLayer(j, part + type(layer).__name__, tensors))
    return TransferReport(
        transferred, transferred + len(lost), parameters, tuple(new), tuple(lost), partial=tuple(partial),
        classes=classes, class_tensors=class_tensors,
        classes_by_name=_classes_by_name(source, target, pairing) if classes else 0,
    )  # fmt: skip


def _bands(theirs: Any, ours: Any) -> str | None:
    """How a kernel for images of other bands arrived, as Ultralytics carries it: in part, or summed; None if not."""
    import torch

    if len(theirs.shape) != 4 or len(ours.shape) != 4 or theirs.shape[0] != ours.shape[0]:
        return None
    (had, *size), (has, *own_size) = theirs.shape[1:], ours.shape[1:]
    if size != own_size or had == has:
        return None
    common, theirs = min(had, has), theirs.to(ours.dtype)
    if torch.equal(ours[:, :common], theirs[:, :common]):
        return f"{common} of {has} bands" if has > had else f"{common} of the {had} pretrained bands"
    return f"{had} bands summed into one" if has == 1 and torch.equal(ours, theirs.sum(1, keepdim=True)) else None


def _follows_classes(key: str, theirs: Any, ours: Any, classes: tuple[int, int], width_by_classes: bool) -> bool:
    """Whether a tensor has another shape because the number of classes is another one."""
    if width_by_classes and key.startswith(CLASS_BRANCHES):
        return True
    return {sizes for sizes in zip(theirs.shape, ours.shape, strict=False) if sizes[0] != sizes[1]} == {classes}


def _classes_by_name(source: Any, target: Any, pairing: Pairing) -> int:
    """How many classes of another number of them hold the pretrained values of the class of their name.

    Newer releases carry these over where both models name their classes.
    """
    import torch

    known = {str(name).strip().lower(): number for number, name in (getattr(source, "names", None) or {}).items()}
    branch = 0 if pairing.branches is None else min(pairing.branches, default=0)
    theirs_at = branch if pairing.branches is None else pairing.branches.get(branch, 0)
    try:
        theirs = getattr(source.model[-1], CLASS_BRANCHES[0])[theirs_at][-1].weight
        ours = getattr(target.model[-1], CLASS_BRANCHES[0])[branch][-1].weight
    except (AttributeError, IndexError, TypeError):
        return 0  # a head without class branches
    found = 0
    for number, name in (getattr(target, "names", None) or {}).items():
        partner = known.get(str(name).strip().lower())
        if partner is not None and number < len(ours) and partner < len(theirs):
            found += torch.equal(ours[number], theirs[partner].to(ours.dtype))
    return found


def _reason(target: int | None, place: str | None, theirs: Any, ours: Any | None) -> str:
    """Why a tensor did not arrive."""
    if target is None:
        return NO_LAYER
    if place is None:
        return NO_BRANCH
    if ours is None:
        return "no such tensor in the new layer"
    return f"shape {tuple(theirs.shape)} vs {tuple(ours.shape)}"


def _class_count(model: Any) -> int | None:
    return getattr(model.model[-1], "nc", None) or (getattr(model, "yaml", None) or {}).get("nc")
