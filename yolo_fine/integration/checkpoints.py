# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checkpoints that hold our blocks, also under ``ULTRALYTICS_SAFE_LOAD``.

An ordinary load needs nothing: unpickling imports the block's module, which imports this package, which arms the
integration. Ultralytics' restricted load (``weights_only=True``) knows only its own classes; ours are added to torch's
allow-list right before it. A damaged file ends in one message, on every version of Ultralytics.
"""

from __future__ import annotations

import functools
import inspect
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yolo_fine.errors import CheckpointError
from yolo_fine.registry import list_blocks


def wrap_torch_safe_load(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``tasks.torch_safe_load``: allow our classes when the load is a restricted one."""

    @functools.wraps(stock)
    def torch_safe_load(weight: Any, safe_only: bool | None = None, **kwargs: Any) -> Any:
        tasks = sys.modules[stock.__module__]
        if safe_only or (safe_only is None and getattr(tasks, "SAFE_LOAD", False)):
            allow_block_classes()
        try:
            return stock(weight, **kwargs) if safe_only is None else stock(weight, safe_only, **kwargs)
        except Exception:
            if Path(str(weight)).is_file():
                check_weights_file(Path(str(weight)))  # says what is wrong with the file, if it is the file
            raise

    return torch_safe_load


def check_weights_file(file: Path) -> None:
    """Raise :class:`CheckpointError` if a weights file is empty, truncated or not a checkpoint at all."""
    with file.open("rb") as stream:
        start = stream.read(2)
    if not start:
        reason = "the file is empty"
    elif start == b"PK" and not zipfile.is_zipfile(file):
        reason = f"the file is truncated ({file.stat().st_size:,} bytes); copy or download it again"
    elif start != b"PK" and start[:1] != b"\x80":  # a zip archive, or a pickle of torch before 1.6
        reason = "the file is not a PyTorch checkpoint"
    else:
        return
    raise CheckpointError(f"{file}: {reason}")


def allow_block_classes() -> None:
    """Put every block class, and the modules that blocks are made of, on torch's ``weights_only`` allow-list."""
    from torch import nn, serialization

    if not hasattr(serialization, "add_safe_globals"):
        return  # torch before 2.4, where Ultralytics loads as usual

    modules = {spec.cls.__module__ for spec in list_blocks()}
    modules |= {name for name in sys.modules if name.startswith("yolo_fine.blocks.")}
    classes: set[type] = {
        member
        for name in modules
        for _, member in inspect.getmembers(sys.modules[name], inspect.isclass)
        if issubclass(member, nn.Module) and member.__module__ == name
    }
    serialization.add_safe_globals(list(classes))
