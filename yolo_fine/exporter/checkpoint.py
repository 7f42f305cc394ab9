# SPDX-License-Identifier: AGPL-3.0-or-later
"""The model that is exported: where its file lies, and a copy of it in a scratch folder."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.checkpoints import checkpoint_of
from yolo_fine.integration.models import file_of, is_loaded, open_model, yaml_of
from yolo_fine.utils.paths import ModelSource

if TYPE_CHECKING:
    from ultralytics import YOLO


@dataclass(frozen=True)
class Checkpoint:
    """A model with weights.

    Attributes:
        name: What the user calls it.
        file: Its file; of a ``YOLO`` without one, the file in the working folder that it would have.
        loaded: The ``YOLO`` that was given, whose weights may be other ones by now than those in the file.
    """

    name: str
    file: Path
    loaded: YOLO | None

    def copy_to(self, folder: Path) -> Path:
        """Write the weights into a folder."""
        copy = folder / self.file.name
        if self.loaded is None:
            shutil.copyfile(self.file, copy)
        else:
            copy.write_bytes(checkpoint_of(self.loaded.model))
        return copy


def open_for_export(model: ModelSource) -> Checkpoint:
    """The checkpoint that a user names, after making sure that it is one.

    Raises:
        MissingFileError: There is no such file.
        CheckpointError: It is damaged.
        ArgumentError: It is a YAML, which has no weights, or an exported file.
    """
    name = os.fspath(model) if isinstance(model, (str, os.PathLike)) else ""
    if name.endswith((".yaml", ".yml")):
        raise ArgumentError(f"model={name} has no weights; train it, or give it some: yolo-fine seed model={name}")
    if name and not name.endswith(".pt"):
        raise ArgumentError(f"model={name}: a checkpoint is exported, such as best.pt")
    detector = open_model(model)
    file = file_of(detector)
    if not is_loaded(model):
        return Checkpoint(name, file or Path(name), None)
    if isinstance(detector.model, str):
        raise ArgumentError(f"model={detector.model}: a checkpoint is exported, such as best.pt")
    file = file or Path(f"{Path(str(yaml_of(detector).get('yaml_file') or 'model')).stem}.pt")
    return Checkpoint(str(file), file, detector)
