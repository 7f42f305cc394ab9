# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checkpoints pickle class paths and tensor names: both are API (docs/decisions/3-class-paths.md).

``tests/class_paths.json`` holds them. ``python -m tests.test_class_paths`` adds what is new; nothing is ever taken out.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import pytest
from torch import nn

import yolo_fine.blocks
import yolo_fine.layers
from yolo_fine import list_blocks
from yolo_fine.costs.block_facts import CHANNELS, example

FILE = Path(__file__).with_name("class_paths.json")
COMMITTED: dict[str, list[str] | None] = json.loads(FILE.read_text()) if FILE.is_file() else {}


def module_classes() -> set[str]:
    """The paths of all modules of PyTorch in ``blocks/`` and ``layers/``."""
    paths = set()
    for room in (yolo_fine.blocks, yolo_fine.layers):
        for info in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            module = importlib.import_module(info.name)
            paths |= {
                f"{info.name}.{name}"
                for name, value in vars(module).items()
                if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == info.name
            }
    return paths


def tensor_names() -> dict[str, list[str]]:
    """The names of parameters and buffers of every block of the package, by its path."""
    names = {}
    for spec in list_blocks():
        path = f"{spec.cls.__module__}.{spec.cls.__qualname__}"
        if path.startswith("yolo_fine."):
            module, _ = example(spec, CHANNELS, 16)
            names[path] = sorted(module.state_dict())
    return names


def find(path: str) -> type:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("path", sorted(COMMITTED))
def test_a_path_of_an_earlier_checkpoint_leads_to_a_module(path: str):
    assert issubclass(find(path), nn.Module)


def test_tensors_keep_their_names():
    now = tensor_names()
    for path, names in COMMITTED.items():
        if names is not None:
            assert now[path] == names, f"{path}: checkpoints of earlier versions would lose tensors"


def test_the_list_is_complete():
    missing = (module_classes() | set(tensor_names())) - set(COMMITTED)
    assert not missing, f"run python -m tests.test_class_paths; new: {', '.join(sorted(missing))}"


if __name__ == "__main__":
    found: dict[str, list[str] | None] = dict.fromkeys(module_classes()) | tensor_names()
    FILE.write_text(json.dumps(dict(sorted((found | COMMITTED).items())), indent=1) + "\n")
