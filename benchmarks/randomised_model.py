# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packaged models with pretrained weights whose blocks do something: at init most are the identity to the bit."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import torch
from torch import nn
from ultralytics import YOLO

from yolo_fine.integration.transfer.weights import transfer

ASLEEP = 0.01  # a parameter of a block whose values are all below this has hardly an effect


def write_checkpoint(name: str, source: Any, folder: Path) -> Path:
    """Build a model, fill it with pretrained tensors, randomise its gains and write it as a checkpoint.

    Args:
        name: Model YAML, as ``yolo11n-fine.yaml``.
        source: The pretrained network, or None for a model of random tensors.
        folder: Where to write.

    Returns:
        The checkpoint.
    """
    torch.manual_seed(0)
    model = YOLO(name)
    if source is not None:
        transfer(model.model, source, verbose=False)
    for layer in model.model.modules():
        if type(layer).__module__.startswith("yolo_fine."):
            randomise_gains(layer, name)
    out = folder / f"{Path(name).stem}.pt"
    model.save(out)
    return out


@torch.no_grad()
def randomise_gains(block: nn.Module, name: str) -> None:
    """Move what is at zero: gains to 0.1 to 0.3, weights to a tenth of the usual spread; the same at every call."""
    for key, parameter in block.named_parameters(recurse=False):
        generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {key} {tuple(parameter.shape)}".encode()))
        if parameter.abs().max() > ASLEEP:
            continue
        if parameter.ndim == 1:
            parameter.uniform_(0.1, 0.3, generator=generator)
        else:
            parameter.normal_(0, 0.1 * parameter[0].numel() ** -0.5, generator=generator)
    for layer in block.children():
        if not type(layer).__module__.startswith("yolo_fine."):
            randomise_gains(layer, name)
