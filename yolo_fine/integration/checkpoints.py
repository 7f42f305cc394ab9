# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checkpoints that hold our blocks, also under ``ULTRALYTICS_SAFE_LOAD``.

An ordinary load needs nothing: unpickling imports the block's module, which imports this package, which arms the
integration. Ultralytics' restricted load (``weights_only=True``) knows only its own classes; ours are added to torch's
allow-list right before it. A damaged file ends in one message, on every version of Ultralytics.
"""

from __future__ import annotations

import functools
import inspect
import io
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from yolo_fine.catalog import list_blocks
from yolo_fine.errors import CheckpointError, MissingFileError
from yolo_fine.utils.hints import did_you_mean


def wrap_torch_safe_load(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``tasks.torch_safe_load``: allow our classes when the load is a restricted one."""

    @functools.wraps(stock)
    def torch_safe_load(weight: Any, *args: Any, **kwargs: Any) -> Any:
        tasks = sys.modules[stock.__module__]
        safe_only = kwargs.get("safe_only", args[0] if args else None)
        if safe_only or (safe_only is None and getattr(tasks, "SAFE_LOAD", False)):
            allow_block_classes()
        try:
            return stock(weight, *args, **kwargs)
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


def open_checkpoint(weights: str, argument: str = "weights") -> Any:
    """The :class:`ultralytics.YOLO` of a checkpoint; official names are downloaded by Ultralytics.

    Args:
        weights: File or official name.
        argument: What the user calls it, for messages.

    Raises:
        MissingFileError: There is no such file.
        CheckpointError: The file is damaged or no checkpoint.
    """
    from ultralytics import YOLO
    from ultralytics.utils import SETTINGS
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    file = Path(weights)
    known = any(place.is_file() for place in (file, SETTINGS["weights_dir"] / file))
    here = [neighbour.name for neighbour in file.parent.glob("*.pt")] if file.parent.is_dir() else []
    if not known and file.name not in GITHUB_ASSETS_NAMES and "://" not in weights:  # asking the network takes its time
        raise MissingFileError(f"{argument}={weights} does not exist{did_you_mean(file.name, here)}")
    try:
        return YOLO(weights)
    except CheckpointError:
        raise
    except OSError as error:
        if known:  # it removes apostrophes from paths, for one
            raise CheckpointError(f"{argument}={weights} is there, but Ultralytics can't open it: {error}") from error
        raise MissingFileError(
            f"{argument}={weights} are not here and can't be downloaded{did_you_mean(file.name, here)}"
        ) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{weights}: the file holds no Ultralytics model") from error


def allow_block_classes() -> None:
    """Put every block class, and the modules that blocks are made of, on torch's ``weights_only`` allow-list."""
    from torch import nn, serialization

    if not hasattr(serialization, "add_safe_globals"):
        return  # torch before 2.4, where Ultralytics loads as usual

    modules = {spec.cls.__module__ for spec in list_blocks()}
    modules |= {name for name in sys.modules if name.startswith(("yolo_fine.blocks.", "yolo_fine.layers."))}
    classes: set[type] = {
        member
        for name in modules
        for _, member in inspect.getmembers(sys.modules[name], inspect.isclass)
        if issubclass(member, nn.Module) and member.__module__ == name
    }
    serialization.add_safe_globals(list(classes))


def checkpoint_of(network: Any) -> bytes:
    """A checkpoint as Ultralytics writes it, in the precision that the network has.

    Made in memory, because torch has no words for a disk that is full.
    """
    import torch
    from ultralytics import __version__

    checkpoint = {
        "epoch": -1,
        "best_fitness": None,
        "model": network,
        "ema": None,
        "updates": None,
        "optimizer": None,
        "train_args": {"task": network.task},
        "date": datetime.now().isoformat(),
        "version": __version__,
        "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "docs": "https://docs.ultralytics.com",
    }
    content = io.BytesIO()
    torch.save(checkpoint, content)
    return content.getvalue()
