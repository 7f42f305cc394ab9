# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading golden files, and how each of our blocks takes the authors' weights.

A golden file is a pair, NAME.json (what was run) and NAME.safetensors (the numbers): see tests/golden/README.md.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import struct
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.blocks import recipes
from tests.blocks.recipe import Recipe

FOLDER = Path(os.environ.get("YOLO_FINE_GOLDEN", Path(__file__).parents[1] / "golden"))
LIMITS = {"out": 2e-5, "grad": 1e-4, "post": 1e-5}  # of max|ours - golden| / max|golden|
DTYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64}


def golden_names() -> list[str]:
    """The golden files of the folder in use."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read(name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Description and tensors of one golden file."""
    raw = (FOLDER / f"{name}.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    tensors = {}
    for key, entry in header.items():
        if key != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            data = bytearray(raw[start:end])
            tensors[key] = torch.frombuffer(data, dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return json.loads((FOLDER / f"{name}.json").read_text()), tensors


def recipe(name: str, about: dict[str, Any]) -> Recipe | None:
    """How to run our block for the golden file ``name``, or None if there is no such block yet.

    Each file of ``tests/blocks/recipes`` states the PREFIX of its golden files and how to ``build`` the block; the
    longest prefix that fits wins.
    """
    modules = [
        importlib.import_module(f"{recipes.__name__}.{found.name}") for found in pkgutil.iter_modules(recipes.__path__)
    ]
    fitting = [module for module in modules if name.startswith(module.PREFIX)]
    if not fitting:
        return None
    return max(fitting, key=lambda module: len(module.PREFIX)).build(name, about)


def load(built: Recipe, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Copy the authors' weights and norm settings into the block. Every tensor of theirs and ours must be used."""
    wanted = {key[3:] for key in tensors if key.startswith("sd.") and not key.endswith("num_batches_tracked")}
    ours = {key for key in built.block.state_dict() if not key.endswith("num_batches_tracked")}
    assert {key for keys in built.names.values() for key in keys} | built.constants == wanted
    assert set(built.names) == ours
    state = built.block.state_dict()
    values = {
        key: shaped(built.convert.get(key, unchanged)(torch.cat([tensors[f"sd.{name}"] for name in names])), state[key])
        for key, names in built.names.items()
    }
    missing, unexpected = built.block.load_state_dict(values, strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    settings = [entry for entry in about["norms"].values() if entry["type"].startswith("BatchNorm")]
    norms = [module for module in built.block.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for norm, entry in zip(norms, settings, strict=True):
        norm.eps, norm.momentum = entry["eps"], entry["momentum"]


def unchanged(theirs: Tensor) -> Tensor:
    return theirs


def shaped(theirs: Tensor, ours: Tensor) -> Tensor:
    """Their tensor in our shape, which may differ by axes of length 1: a 1x1 convolution here is a Linear there."""
    assert theirs.squeeze().shape == ours.squeeze().shape
    return theirs.reshape(ours.shape)


def errors(name: str) -> dict[str, float] | None:
    """Relative error of every stored quantity of a golden file, or None if there is no such block yet."""
    about, tensors = read(name)
    built = recipe(name, about)
    if built is None:
        return None
    load(built, about, tensors)
    x = [tensors[key].clone().requires_grad_() for key in sorted(tensors) if key.startswith("in.")]
    found = {}

    def compare(key: str, value: Tensor) -> None:
        found[key] = float((value.detach() - tensors[key]).abs().max() / tensors[key].abs().max())

    out = built.run(built.block.eval(), x)
    compare("out.eval", out)
    for i, grad in enumerate(torch.autograd.grad(out.square().mean(), x)):
        compare(f"grad.in.{i}", grad)
    if "out.train" in tensors:
        compare("out.train", built.run(built.block.train(), x))
        state = built.block.state_dict()
        theirs = {names[0]: key for key, names in built.names.items()}
        for key in (key for key in tensors if key.startswith("post.") and not key.endswith("num_batches_tracked")):
            compare(key, state[theirs[key[5:]]])
    return found
