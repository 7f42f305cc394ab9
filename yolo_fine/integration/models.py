# SPDX-License-Identifier: AGPL-3.0-or-later
"""Models as users name them, opened, and what this package needs to know of an open one."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.checkpoints import open_checkpoint
from yolo_fine.integration.yaml_text import read_model
from yolo_fine.utils.paths import ModelSource

if TYPE_CHECKING:
    from ultralytics import YOLO


@dataclass(frozen=True)
class TrainedRun:
    """The run that a detector was just trained in: its folder, best checkpoint, and the batch size it came to."""

    folder: Path
    best: Path
    batch: int


def open_model(source: ModelSource, argument: str = "model") -> YOLO:
    """The detector that a user names.

    Args:
        source: A model YAML or a checkpoint by path or name, or a ``YOLO`` (it is returned as it is).
        argument: What the user calls it, for messages.

    Raises:
        MissingFileError: There is no such file.
        ModelYamlError: The YAML can't be read or built.
        CheckpointError: The file is damaged or no checkpoint.
        ArgumentError: It is none of these.
    """
    if not isinstance(source, (str, os.PathLike)):
        if is_loaded(source):
            return source
        raise ArgumentError(f"{argument}: a path, a name or a YOLO is expected, got {type(source).__name__}")
    name = os.fspath(source)
    return open_yaml(name) if name.endswith((".yaml", ".yml")) else open_checkpoint(name, argument)


def read_weights(source: ModelSource, argument: str = "weights") -> Any:
    """The pretrained network of a checkpoint, or a copy of a ``YOLO``'s, in float32 and eval mode: see `open_model`."""
    network = open_model(source, argument).model
    if is_loaded(source):
        network = copy.deepcopy(network)
    for parameter in network.parameters():  # convolutions round by the layout of their weights; files keep any layout
        parameter.data = parameter.data.contiguous()
    return network.float().eval()


def is_loaded(source: object) -> bool:
    """Whether a model was given as an ``ultralytics.YOLO`` (or another of Ultralytics' model classes)."""
    from ultralytics.engine.model import Model

    return isinstance(source, Model)


def open_yaml(name: str) -> YOLO:
    """The untrained detector of a model YAML, by the class that its head asks for.

    Raises:
        MissingFileError: There is no such file.
        ModelYamlError: It can't be read or built.
    """
    from ultralytics import RTDETR, YOLO

    _, rows = read_model(name)
    is_rtdetr = "RTDETRDecoder" in str((rows.get("head") or [None])[-1])
    return RTDETR(name) if is_rtdetr else YOLO(name)


def yaml_name(source: ModelSource, argument: str = "model") -> str:
    """The name of a model YAML: as given, or of the one that a ``YOLO`` was built from.

    Raises:
        ArgumentError: It is none of these.
    """
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    name = yaml_of(open_model(source, argument)).get("yaml_file")
    if not name:
        raise ArgumentError(f"{argument}: this model was not built from a YAML file; name a file")
    return str(name)


def file_of(detector: YOLO) -> Path | None:
    """The checkpoint that a detector was opened from; None if it was built from a YAML."""
    path = detector.ckpt_path
    return Path(str(path)) if path else None


def yaml_of(detector: YOLO) -> dict[str, Any]:
    """The model dictionary that a detector's network was built from; empty for an exported file."""
    return dict(getattr(detector.model, "yaml", None) or {})


def run_of(detector: YOLO) -> TrainedRun:
    """The run that a detector was just trained in."""
    trainer = detector.trainer
    return TrainedRun(Path(trainer.save_dir), Path(trainer.best), int(trainer.batch_size))


def build_detection_network(name: str) -> Any:
    """The untrained network of a detection YAML, without a word in the log."""
    from ultralytics.nn.tasks import DetectionModel

    return DetectionModel(name, verbose=False)


def input_bands(model: YOLO) -> int | None:
    """How many bands the images have that a detector takes; None where it doesn't say, as an exported file."""
    made_of = getattr(getattr(model, "model", None), "yaml", None) or {}
    bands = made_of.get("channels", made_of.get("ch"))  # the second in older releases
    return None if bands is None else int(bands)
