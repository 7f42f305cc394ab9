# SPDX-License-Identifier: AGPL-3.0-or-later
"""The folder of an evaluation's files: an evaluation that fails or is stopped leaves nothing that looks finished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolo_fine.errors import ArgumentError

EVALUATION, REPORT, DETECTIONS = "eval.json", "report.html", "detections.json"


def free_folder(first: Path = Path("runs/eval")) -> Path:
    """The first of ``runs/eval``, ``runs/eval2``, ... that does not exist."""
    folder, number = first, 1
    while folder.exists():
        number += 1
        folder = first.with_name(f"{first.name}{number}")
    return folder


@contextmanager
def fresh_folder(folder: Path | None) -> Iterator[None]:
    """Make the folder and remove the files of an earlier evaluation; on an error the folder goes if it is empty.

    Raises:
        ArgumentError: It can't be made or written.
    """
    if folder is None:
        yield
        return
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        for file in (probe, folder / EVALUATION, folder / REPORT, folder / DETECTIONS):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise ArgumentError(f"out={folder} can't be written: {error.strerror or error}") from error
    try:
        yield
    except BaseException:
        if not any(folder.iterdir()):
            folder.rmdir()
        raise
