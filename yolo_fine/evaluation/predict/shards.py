# SPDX-License-Identifier: AGPL-3.0-or-later
"""Predictions shared out: the images are cut into shards, and each is predicted in a process of its own.

``python -m yolo_fine.evaluation.predict.shards FOLDER`` predicts one: the folder's ``job.json`` holds the images and
the arguments, and it gets ``found.json`` and ``found.npz``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine import errors
from yolo_fine.errors import ArgumentError, DataError, YoloFineError
from yolo_fine.evaluation.predict.images import ARGUMENTS, predict_images
from yolo_fine.evaluation.predict.whole import Predictions, note_on_limit
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.console import progress as show_progress
from yolo_fine.utils.executors import Executor, end_with_parent, last_words
from yolo_fine.utils.files import write_json

MODULE = "yolo_fine.evaluation.predict.shards"
JOB, FOUND, COLUMNS = "job.json", "found.json", "found.npz"
KINDS = ("first", "whole")  # the boxes that are evaluated, and with slice and whole those on whole images


@dataclass(frozen=True)
class Shard:
    """A part of the images, from ``start`` on, and what was found on it."""

    start: int
    images: int
    found: Predictions


def predict_shards(
    truth: GroundTruth, arguments: dict[str, Any], executor: Executor, place: Path | None
) -> tuple[Predictions, Predictions | None]:
    """The same boxes as :func:`predict_images` finds, by several processes.

    Args:
        truth: The images.
        arguments: Of the evaluation; its ``model`` is a file.
        executor: Carries the shards out, :data:`MODULE` each.
        place: Folder for their files, which all machines share; by default one for temporary files.

    Raises:
        YoloFineError: What a shard raised, or its process died.
    """
    if not isinstance(arguments["model"], (str, os.PathLike)):
        raise ArgumentError("model= must be a file where several processes predict, not a loaded model")
    count = max(1, min(executor.slots, len(truth.names)))
    bounds = [len(truth.names) * number // count for number in range(count + 1)]
    with tempfile.TemporaryDirectory(prefix=".shards-", dir=place) as root:
        folders = [Path(root, str(number)) for number in range(count)]
        for folder, start, end in zip(folders, bounds, bounds[1:], strict=False):
            folder.mkdir()
            write_json(folder / JOB, job(truth, arguments, start, end))
        with show_progress("shards") as progress:
            for done, (folder, code) in enumerate(executor.carry_out(folders, lambda folder, how_far: None), 1):
                check(folder, code)
                progress(done, count)
        shards = {kind: [read(folder, kind) for folder in folders] for kind in KINDS}
    first = merge([one for one in shards["first"] if one is not None], arguments)
    whole = [one for one in shards["whole"] if one is not None]
    return first, merge(whole, arguments) if whole else None


def job(truth: GroundTruth, arguments: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    """What a shard has to do: images ``start`` to ``end`` (not included). Paths are absolute."""
    assert truth.files is not None  # the caller has checked
    model = os.fspath(arguments["model"])
    return {
        "start": start,
        "names": truth.names[start:end],
        "sizes": truth.sizes[start:end].tolist(),
        "files": [str(file.absolute()) for file in truth.files[start:end]],
        "classes": list(truth.classes.items()),
        "channels": truth.channels,
        "arguments": {key: arguments[key] for key in ARGUMENTS}
        | {"model": str(Path(model).absolute()) if Path(model).exists() else model},
    }


def carry_out(folder: Path) -> None:
    """Predict one shard. An error for a user is left in ``found.json``, for the process that waits for it."""
    told = json.loads((folder / JOB).read_text(encoding="utf-8"))
    nothing = np.zeros(0, dtype=np.int64)
    truth = GroundTruth(
        names=tuple(told["names"]),
        sizes=np.array(told["sizes"], dtype=np.int64).reshape(-1, 2),
        classes=dict(told["classes"]),
        image=nothing,
        boxes=np.zeros((0, 4)),
        category=nothing,
        area=np.zeros(0),
        crowd=np.zeros(0, dtype=bool),
        files=tuple(Path(file) for file in told["files"]),
        channels=told["channels"],
    )
    try:
        found = predict_images(truth, told["arguments"])
    except YoloFineError as error:
        write_json(folder / FOUND, {"error": type(error).__name__, "message": str(error)})
        sys.exit(error.exit_code)
    columns: dict[str, Array] = {}
    about: dict[str, Any] = {}
    for kind, one in zip(KINDS, found, strict=True):
        if one is not None:
            columns |= {f"{kind}_{name}": getattr(one.detections, name) for name in COLUMN_NAMES}
            about[kind] = {"speed": one.speed, "notes": one.notes, "counts": one.counts}
    np.savez(folder / COLUMNS, **columns)  # type: ignore[arg-type]
    write_json(folder / FOUND, {"start": told["start"], "images": len(truth.names), **about})


COLUMN_NAMES = ("image", "boxes", "category", "score")


def check(folder: Path, code: int) -> None:
    """Raise what a shard raised, or that its process died."""
    file = folder / FOUND
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if "error" in told:
        raise getattr(errors, told["error"])(told["message"])
    if code or not told:
        raise DataError(f"a process that predicted a part of the images ended with {code}: {last_words(folder)}")


def read(folder: Path, kind: str) -> Shard | None:
    """What a finished shard has found; None if it was not asked for that kind."""
    told = json.loads((folder / FOUND).read_text(encoding="utf-8"))
    if kind not in told:
        return None
    with np.load(folder / COLUMNS) as stored:
        columns = {name: stored[f"{kind}_{name}"] for name in COLUMN_NAMES}
    about = told[kind]
    found = Predictions(Detections(**columns), about["speed"], tuple(about["notes"]), tuple(about["counts"]))
    return Shard(told["start"], told["images"], found)


def merge(shards: Sequence[Shard], arguments: dict[str, Any]) -> Predictions:
    """The boxes of all shards in the order of the images; times are means over the images."""
    parts = [shard.found.detections for shard in shards]
    detections = Detections(
        image=np.concatenate([shard.start + shard.found.detections.image for shard in shards]),
        boxes=np.concatenate([part.boxes for part in parts]),
        category=np.concatenate([part.category for part in parts]),
        score=np.concatenate([part.score for part in parts]),
    )
    total = sum(shard.images for shard in shards)
    speed = {
        stage: sum(shard.found.speed[stage] * shard.images for shard in shards) / total
        for stage in shards[0].found.speed
    }
    limit = arguments["max_det"]
    own = [note for shard in shards for note in shard.found.notes if note != note_on_limit(shard.found.counts, limit)]
    counts = tuple(count for shard in shards for count in shard.found.counts)
    notes = [*dict.fromkeys(own), note_on_limit(counts, limit)]
    return Predictions(detections, speed, tuple(note for note in notes if note), counts)


if __name__ == "__main__":
    end_with_parent()
    carry_out(Path(sys.argv[1]))
