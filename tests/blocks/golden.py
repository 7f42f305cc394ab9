# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading golden files, and how each of our blocks takes the authors' weights.

A golden file is a pair, NAME.json (what was run) and NAME.safetensors (the numbers): see tests/golden/README.md.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.blocks.cbam import CBAM
from yolo_fine.blocks.dysample import DySample
from yolo_fine.blocks.ema import EMA
from yolo_fine.blocks.fine import FINE

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


@dataclass
class Recipe:
    """One of our blocks as a golden file needs it.

    Attributes:
        block: The module, with the arguments that reproduce the authors' code.
        names: Our parameter or buffer -> the authors' names; several are concatenated.
        run: From the module and the inputs to what the authors' class returns.
        constants: The authors' buffers that are never learnt, and which our block computes.
    """

    block: nn.Module
    names: dict[str, tuple[str, ...]]
    run: Callable[[nn.Module, list[Tensor]], Tensor]
    constants: frozenset[str] = frozenset()


def _batch_norm(ours: str, theirs: str) -> dict[str, tuple[str, ...]]:
    return {f"{ours}.{key}": (f"{theirs}.{key}",) for key in ("weight", "bias", "running_mean", "running_var")}


def _fine(name: str, about: dict[str, Any]) -> Recipe:
    form = name.split("_")[1]
    arguments = about["official"]["constructor"]
    channels = [entry["shape"][1] for entry in about["inputs"]]
    block = FINE(
        *channels,
        stride=1 if arguments["is_first"] else 2,
        heads=arguments["nhead"],
        modulation="mul",
        qk_norm="sum",
        cosformer=form == "ultralytics",
        attn_norm="layer" if form == "yolov10" else "rms",
        legacy_pe=True,
        rms_eps=torch.finfo(torch.float32).eps,
        embed=form != "mmdet",
    )
    inner = ".0" if form != "mmdet" else ""
    names: dict[str, tuple[str, ...]] = {}
    for kind in ("weight", "bias"):
        names[f"attention.q_proj.{kind}"] = (f"q_proj{inner}.{kind}",)
        names[f"attention.kv_proj.{kind}"] = (f"k_proj{inner}.{kind}", f"v_proj.{kind}")
        names[f"attention.out_proj.{kind}"] = (f"out_proj.{kind}",)
        for layer in ("linear1", "linear2", "norm1", "norm2"):
            names[f"{layer}.{kind}"] = (f"{layer}.{kind}",)
        if kind == "weight" or form == "yolov10":
            names[f"attention.norm.{kind}"] = (f"attn_norm.{kind}",)
        if form != "mmdet":
            names[f"embed.conv.{kind}"] = (f"high_to_low_embed.0.{kind}",)
    if form != "mmdet":
        names |= _batch_norm("embed.bn", "high_to_low_embed.1")
    up: dict[str, Any] = {"mode": "nearest"}
    if form == "ultralytics":
        up = {"mode": "bilinear", "align_corners": False}

    def run(module: nn.Module, x: list[Tensor]) -> Tensor:
        refined = module(x)
        return refined if form == "mmdet" else torch.cat([F.interpolate(x[0], scale_factor=2, **up), refined], 1)

    return Recipe(block, names, run)


def _ema(name: str, about: dict[str, Any]) -> Recipe:
    block = EMA(**about["official"]["constructor"], gain=None)
    names = {key: (key,) for key in block.state_dict()}
    return Recipe(block, names, lambda module, x: module(x[0]))


def _cbam(name: str, about: dict[str, Any]) -> Recipe:
    arguments = about["official"]["constructor"]
    block = CBAM(arguments["gate_channels"], arguments["reduction_ratio"])
    names: dict[str, tuple[str, ...]] = {"spatial.conv.weight": ("SpatialGate.spatial.conv.weight",)}
    names |= _batch_norm("spatial.bn", "SpatialGate.spatial.bn")
    for kind in ("weight", "bias"):
        names |= {f"mlp.{ours}.{kind}": (f"ChannelGate.mlp.{theirs}.{kind}",) for ours, theirs in ((0, 1), (2, 3))}
    return Recipe(block, names, lambda module, x: module(x[0]))


def _dysample(name: str, about: dict[str, Any]) -> Recipe:
    arguments = dict(about["official"]["constructor"])
    block = DySample(arguments.pop("in_channels"), **arguments)
    names = {key: (key,) for key in block.state_dict()}
    return Recipe(block, names, lambda module, x: module(x[0]), constants=frozenset({"init_pos"}))


RECIPES = {"fine": _fine, "ema": _ema, "cbam": _cbam, "dysample": _dysample}


def recipe(name: str, about: dict[str, Any]) -> Recipe | None:
    """How to run our block for the golden file ``name``, or None if there is no such block yet."""
    build = RECIPES.get(name.partition("_")[0])
    return build(name, about) if build else None


def load(built: Recipe, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Copy the authors' weights and norm settings into the block. Every tensor of theirs and ours must be used."""
    wanted = {key[3:] for key in tensors if key.startswith("sd.") and not key.endswith("num_batches_tracked")}
    ours = {key for key in built.block.state_dict() if not key.endswith("num_batches_tracked")}
    assert {key for keys in built.names.values() for key in keys} | built.constants == wanted
    assert set(built.names) == ours
    values = {key: torch.cat([tensors[f"sd.{name}"] for name in names]) for key, names in built.names.items()}
    missing, unexpected = built.block.load_state_dict(values, strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    settings = [entry for entry in about["norms"].values() if entry["type"] == "BatchNorm2d"]
    norms = [module for module in built.block.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm, entry in zip(norms, settings, strict=True):
        norm.eps, norm.momentum = entry["eps"], entry["momentum"]


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
