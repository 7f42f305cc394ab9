# SPDX-License-Identifier: AGPL-3.0-or-later
"""Builds model YAMLs that Ultralytics ships and prints what came out, as JSON: run by ``test_stock.py``."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import sys
from pathlib import Path

import torch
from ultralytics import RTDETR, YOLO
from ultralytics.utils import LOGGER


def describe(file: Path) -> dict[str, str]:
    """State-dict keys and shapes, the printed table and summary, and the seeded weights and output of one YAML."""
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    LOGGER.addHandler(handler)
    torch.manual_seed(0)
    try:
        model = RTDETR(str(file)) if "rtdetr" in file.name else YOLO(str(file), verbose=True)
    finally:
        LOGGER.removeHandler(handler)
    network = model.model.eval()
    state = network.state_dict()
    side = 160 if "rtdetr" in file.name else 64  # RT-DETR picks 300 of its anchors
    torch.manual_seed(1)
    with torch.no_grad():
        output = network(torch.rand(1, network.yaml.get("channels", 3), side, side))
    return {
        "keys": digest(sorted((key, tuple(value.shape)) for key, value in state.items())),
        "printed": digest(printed.getvalue()),
        "weights": digest([value.double().sum().item() for value in state.values()]),
        "output": digest([tensor.double().sum().item() for tensor in tensors(output)]),
    }


def tensors(value: object) -> list[torch.Tensor]:
    """All tensors of a nested output, in order."""
    if torch.is_tensor(value):
        return [value]
    if isinstance(value, dict):
        return [tensor for key in sorted(value) for tensor in tensors(value[key])]
    return [tensor for item in value for tensor in tensors(item)] if isinstance(value, (list, tuple)) else []


def digest(value: object) -> str:
    """A short fingerprint of anything with an exact repr."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = {}
    for file in map(Path, sys.argv[1:]):
        try:
            found[file.name] = describe(file)
        except Exception as error:  # some need weights that are downloaded; the failure must be the same too
            found[file.name] = {"error": f"{type(error).__name__}: {error}"[:200]}
    json.dump(found, sys.stdout)
