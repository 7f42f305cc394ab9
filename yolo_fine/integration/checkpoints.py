# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checkpoints that hold our blocks, also under ``ULTRALYTICS_SAFE_LOAD``.

An ordinary load needs nothing: unpickling imports the block's module, which imports this package, which arms the
integration. Ultralytics' restricted load (``weights_only=True``) knows only its own classes; ours are added to torch's
allow-list right before it. A file that can't be loaded ends in one message, on every version of Ultralytics.
"""

from __future__ import annotations

import functools
import inspect
import io
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from yolo_fine.catalog import list_blocks
from yolo_fine.errors import CheckpointError, MissingFileError
from yolo_fine.integration.assign_settings import AssignSettings
from yolo_fine.integration.checkpoint_errors import check_weights_file, explain, looks_loadable
from yolo_fine.integration.model_files import nearest_model
from yolo_fine.integration.needed_packages import write_note
from yolo_fine.utils.hints import did_you_mean


def wrap_torch_safe_load(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``tasks.torch_safe_load``: allow our classes when the load is a restricted one, and say what is wrong with it."""

    @functools.wraps(stock)
    def torch_safe_load(weight: Any, *args: Any, **kwargs: Any) -> Any:
        safe_only = kwargs.get("safe_only", args[0] if args else None)
        restricted = is_restricted() if safe_only is None else bool(safe_only)
        if restricted:
            allow_block_classes()
        file = Path(str(weight))
        try:
            checkpoint, found = stock(weight, *args, **kwargs)
        except Exception as error:
            if isinstance(error, OSError) and not file.is_file() and (near := nearest_weights(file)):
                raise MissingFileError(f"'{weight}' does not exist{near}") from error
            reason = explain(file, error, restricted) if file.is_file() else None
            if reason is None:
                raise
            raise reason from error
        held = (checkpoint.get("ema") or checkpoint.get("model")) if isinstance(checkpoint, dict) else None
        if not hasattr(held, "parameters"):
            raise CheckpointError(f"{weight}: the file holds no Ultralytics model")
        return checkpoint, found

    return torch_safe_load


def wrap_train(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``Model.train``: refuse weights that can't be loaded before a run folder exists."""

    @functools.wraps(stock)
    def train(self: Any, *args: Any, **kwargs: Any) -> Any:
        for key in ("pretrained", "resume"):
            if isinstance(kwargs.get(key), (str, Path)):
                check_loadable(Path(kwargs[key]))
        return stock(self, *args, **kwargs)

    return train


def check_loadable(file: Path) -> None:
    """Raise :class:`CheckpointError` for weights that can't be loaded; a file that isn't there is passed over."""
    if file.suffix != ".pt" or not os.path.lexists(file):
        return
    check_weights_file(file)
    if is_restricted() or not looks_loadable(file):
        from ultralytics.nn import tasks

        tasks.torch_safe_load(str(file))  # Ultralytics knows some classes by other names


def is_restricted() -> bool:
    """Whether Ultralytics loads checkpoints with known classes only (``ULTRALYTICS_SAFE_LOAD``)."""
    from ultralytics.nn import tasks

    return bool(getattr(tasks, "SAFE_LOAD", False))


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

    weights = official_file(weights)
    file = Path(weights)
    if os.path.lexists(file) and not file.is_file():
        check_weights_file(file)
    known = any(place.is_file() for place in (file, SETTINGS["weights_dir"] / file))
    if not known and file.name not in GITHUB_ASSETS_NAMES and "://" not in weights:  # asking the network takes its time
        raise MissingFileError(f"{argument}={weights} does not exist{nearest_weights(file)}")
    try:
        return YOLO(weights)
    except CheckpointError:
        raise
    except OSError as error:
        if known:  # it removes apostrophes from paths, for one
            raise CheckpointError(f"{argument}={weights} is there, but Ultralytics can't open it: {error}") from error
        raise MissingFileError(
            f"{argument}={weights} are not here and can't be downloaded{nearest_weights(file)}"
        ) from error


def official_file(name: str) -> str:
    """``yolo11n`` as ``yolo11n.pt``, as Ultralytics takes the names of its own weights; other names as they are."""
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    return f"{name}.pt" if not Path(name).suffix and f"{name}.pt" in GITHUB_ASSETS_NAMES else name


def nearest_weights(file: Path) -> str:
    """A hint at the weights that were meant: the newest of that name below ``runs``, or a name nearby.

    Of a name without a suffix: the checkpoint, else the model YAML of that name.
    """
    if not file.suffix:
        named = Path(f"{file}.pt")
        return (
            f"; did you mean {named}?" if named.is_file() else nearest_weights(named) or nearest_model(f"{file}.yaml")
        )
    runs = [found for found in Path("runs").rglob(file.name) if found.is_file()]
    if runs:
        return f"; the newest {file.name} of a run is {max(runs, key=lambda found: found.stat().st_mtime)}"
    here = [neighbour.name for neighbour in file.parent.glob("*.pt")] if file.parent.is_dir() else []
    return did_you_mean(file.name, here)


def allow_block_classes() -> None:
    """Put our classes on torch's ``weights_only`` allow-list: blocks, what they are made of, and the assigner.

    Up to 8.4.0 the checkpoint of a training that was interrupted holds its criterion, and so the assigner.
    """
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
    from yolo_fine.integration.assigner import FineAssigner, FineBoxLoss

    serialization.add_safe_globals([*classes, FineAssigner, FineBoxLoss, AssignSettings])


def checkpoint_of(network: Any) -> bytes:
    """A checkpoint as Ultralytics writes it, in the precision that the network has, with a note of what it needs.

    Made in memory, because torch has no words for a disk that is full.
    """
    import torch
    from ultralytics import __version__

    write_note(network)
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
