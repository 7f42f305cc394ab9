# SPDX-License-Identifier: AGPL-3.0-or-later
"""Compares what two models make of one image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yolo_fine.integration.transfer.pairing import strides_of

IMAGE = (192, 160)  # height and width of the image that both models see; RT-DETR needs 300 cells


def largest_difference(one: Any, other: Any) -> float | None:
    """Largest absolute difference of two models' raw outputs in eval mode, where their shapes agree.

    Returns:
        None where no output agrees, for heads of different strides (their outputs belong to other cells), and for
        models of other images.
    """
    import torch

    if strides_of(one.model[-1]) != strides_of(other.model[-1]) or _channels(one) != _channels(other):
        return None
    image = torch.rand(1, _channels(one), *IMAGE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = (dict(_tensors(model.eval()(image))) for model in (one, other))
    gaps = [
        (tensor - theirs[place]).abs().max()
        for place, tensor in ours.items()
        if place in theirs and tensor.shape == theirs[place].shape and tensor.numel()
    ]
    return torch.stack(gaps).max().item() if gaps else None


def _channels(model: Any) -> int:
    """Channels of the images that a model takes."""
    return model.yaml.get("channels") or model.yaml.get("ch") or 3  # "ch" in older releases


def _tensors(output: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every tensor of a nested output with its place in it."""
    import torch

    if torch.is_tensor(output):
        yield place, output.float()
    elif isinstance(output, dict):
        for key, value in output.items():
            yield from _tensors(value, f"{place}.{key}")
    elif isinstance(output, (list, tuple)):
        for index, value in enumerate(output):
            yield from _tensors(value, f"{place}[{index}]")
