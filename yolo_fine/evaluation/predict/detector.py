# SPDX-License-Identifier: AGPL-3.0-or-later
"""Opens the detector that is evaluated: a checkpoint, or a file that Ultralytics exported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError, MissingFileError
from yolo_fine.evaluation.predict.whole import TASKS
from yolo_fine.integration.checkpoints import nearest_weights, official_file, open_checkpoint
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.paths import ModelSource


def open_detector(model: ModelSource) -> Any:
    """The :class:`ultralytics.YOLO` of a checkpoint or an exported model; a loaded one is taken as it is.

    Raises:
        MissingFileError: There is no such file.
        CheckpointError: The file is damaged or no checkpoint.
        ArgumentError: It is a YAML without weights, a model for another task, or something else.
    """
    if not isinstance(model, (str, os.PathLike)):
        if not (hasattr(model, "predict") and hasattr(model, "task")):
            raise ArgumentError(f"model= takes a file, a name or a loaded YOLO, not {type(model).__name__}")
        name, detector = f"{type(model).__name__} (loaded)", model
    else:
        name = official_file(os.fspath(model))
        file = Path(name)
        if file.suffix in (".yaml", ".yml"):
            raise ArgumentError(f"model={name} has no weights; train it first, or name a checkpoint such as best.pt")
        detector = open_checkpoint(name, argument="model") if file.suffix == ".pt" else open_exported(file)
    if detector.task not in TASKS:
        raise ArgumentError(f"model={name} is for the task '{detector.task}'; evaluated are {', '.join(TASKS)}")
    return detector


def open_exported(file: Path) -> Any:
    """An exported model, which Ultralytics runs by its suffix (``best.onnx``, ``best_openvino_model/``, ...)."""
    from ultralytics import YOLO

    if not file.exists():
        near = [neighbour.name for neighbour in file.parent.iterdir()] if file.parent.is_dir() else []
        hint = did_you_mean(file.name, near) if file.suffix else nearest_weights(file)
        raise MissingFileError(f"model={file} does not exist{hint}")
    return YOLO(str(file), task="detect")
