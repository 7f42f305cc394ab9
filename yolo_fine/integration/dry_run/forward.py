# SPDX-License-Identifier: AGPL-3.0-or-later
"""One layer called with tensors that have shapes but no numbers."""

from __future__ import annotations

import copy
from typing import Any

from yolo_fine.integration.dry_run.limits import MOST_VALUES
from yolo_fine.integration.dry_run.maps import to_meta, to_zeros
from yolo_fine.integration.parsing.vocabulary import needed_in_file_name

MOST_REAL_PARAMETERS = 10_000_000


def forward(module: Any, value: Any, channels: Any) -> Any:
    """Call a layer. What also wants text, or the labels of a batch, is taken at its word.

    Heads of the Detect family are called as in training, where they return their raw maps.

    Raises:
        Exception: Whatever a layer raises on inputs that do not fit it, or that it would need too much memory.
    """
    import torch
    from ultralytics.nn.modules import Detect

    from yolo_fine.integration.dry_run.watch import Watch

    if needed_in_file_name(type(module).__name__):
        first = value[0] if isinstance(value, list) else value
        return first.new_empty(1, channels, *first.shape[2:]) if isinstance(channels, int) else None
    module.train(isinstance(module, Detect))
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eval()
    with torch.no_grad(), Watch(MOST_VALUES):
        output = module(value)
        if is_plain_torch(module):  # some of them check their arguments only on real numbers
            return to_meta(copy.deepcopy(module).to_empty(device="cpu")(to_zeros(value)))
        return output


def is_plain_torch(module: Any) -> bool:
    """Whether a layer comes with PyTorch, to the last of its parts, and is small enough to be called with numbers."""
    own = all(type(part).__module__.startswith("torch.nn") for part in module.modules())
    return own and count_parameters(module) < MOST_REAL_PARAMETERS


def count_parameters(module: Any) -> int:
    """Number of a layer's parameters.

    Raises:
        RuntimeError: One of them has no values at all, as a kernel of size 0, or a buffer is too large.
    """
    sizes = [parameter.numel() for parameter in module.parameters()]
    largest = max((buffer.numel() for buffer in module.buffers()), default=0)
    if largest > MOST_VALUES:
        raise RuntimeError(f"it keeps a tensor of {largest:,} values")
    if 0 in sizes:
        raise RuntimeError("it has a parameter without values: a size is 0")
    return sum(sizes)


def run_on_numbers(module: Any, value: Any) -> Any:
    """Call a layer that looks at the numbers of its inputs with zeros; its output as shapes."""
    import torch

    from yolo_fine.integration.dry_run.watch import Watch

    module.eval()
    with torch.no_grad(), Watch(MOST_VALUES):
        return to_meta(module(to_zeros(value)))


def looks_at_numbers(error: Exception) -> bool:
    """Whether an error says that there are no numbers on the meta device."""
    return "meta" in str(error).lower()


def reason(error: Exception) -> str:
    """The first line of an error, with its type where the text alone says little."""
    text = str(error).strip().split("\n", maxsplit=1)[0]
    return text if isinstance(error, (RuntimeError, ValueError)) and text else f"{type(error).__name__}: {text}"
