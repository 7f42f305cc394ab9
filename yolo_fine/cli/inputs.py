# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks the files that a ``yolo-fine train|val|...`` command names, before Ultralytics makes a run folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from yolo_fine.errors import MissingFileError
from yolo_fine.integration.checkpoints import check_loadable, nearest_weights, official_file
from yolo_fine.utils.console import show_note


def check_inputs(words: Sequence[str]) -> None:
    """Check the weights and the dataset of a command for Ultralytics.

    Raises:
        MissingFileError: The model is not there, and it is known what may have been meant.
        CheckpointError: A weights file is damaged, something else, or from a fork.
        DataError: The dataset's images have no labels.
    """
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    model = official_file(pairs.get("model", ""))
    if not Path(model).suffix and not os.path.lexists(model) and (near := nearest_weights(Path(model))):
        raise MissingFileError(f"model={model} does not exist{near}")
    for key in ("model", "pretrained", "resume"):
        check_loadable(Path(pairs.get(key, "")))
    splits = ("train", "val") if "train" in words else (pairs.get("split", "val"),) if "val" in words else ()
    if splits and pairs.get("data", "").endswith((".yaml", ".yml")):
        from yolo_fine.formats.yolo_layout import check_labels, open_dataset

        check_labels(pairs["data"], splits)
        note = open_dataset(pairs["data"]).note
        if note:
            show_note(f"yolo-fine: note: {note}")


def users_mistake(error: Exception) -> str | None:
    """What a user has to mend where Ultralytics' error is a user's mistake; None where it is something else.

    A missing file, a wrong argument, a broken dataset, and images of other bands than the model takes.
    """
    bands = re.search(r"to have (\d+) channels, but got (\d+) channels instead", str(error))
    if bands is not None:
        taken, given = bands.groups()
        return f"the model takes images of {taken} bands, and is given {given} (channels: in the data YAML)"
    return str(error) if isinstance(error, (FileNotFoundError, SyntaxError)) or "❌" in str(error) else None
