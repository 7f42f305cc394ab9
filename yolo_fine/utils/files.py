# SPDX-License-Identifier: AGPL-3.0-or-later
"""Result files: written whole or not at all. An earlier file stays until the new one is complete."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError, DataError, UnwritableError, YoloFineError
from yolo_fine.utils.parts import open_part


@contextmanager
def finished_file(file: Path) -> Iterator[Path]:
    """Give an empty file to write into, and put it in the place of ``file`` when the block is left.

    When the block fails or is interrupted, ``file`` is what it was before.

    Raises:
        ArgumentError: The file can't be written there.
    """
    try:
        with open_part(file) as part:
            yield part
            part.replace(file)
    except YoloFineError:  # some are an OSError too
        raise
    except OSError as error:
        if is_elsewhere(error, file.absolute().parent):
            raise
        raise unwritable(file, error) from error


def check_target(argument: str, file: Path) -> None:
    """Find out whether a file can be written, before the work whose result it will hold. Nothing is left there.

    Raises:
        ArgumentError: It is a folder, or can't be written.
    """
    if file.is_dir():
        raise ArgumentError(f"{argument}={file} is a folder; name a file")
    try:
        with open_part(file):
            pass
    except OSError as error:
        raise unwritable(file, error) from error


def write_bytes(file: Path, content: bytes) -> None:
    """Write a file: see :func:`finished_file`."""
    with finished_file(file) as part:
        part.write_bytes(content)


def write_text(file: Path, text: str) -> None:
    """Write a UTF-8 text file, lines ending as they are in ``text``: see :func:`finished_file`."""
    write_bytes(file, text.encode("utf-8"))


def write_json(file: Path, result: Any) -> None:
    """Write ``result`` as JSON: see :func:`finished_file`."""
    write_text(file, json.dumps(result, indent=2) + "\n")


def read_json(file: Path, remedy: str) -> dict[str, Any]:
    """An object that this package wrote as JSON.

    Raises:
        DataError: It is none any more. The message ends in the remedy.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is damaged ({error}); {remedy}") from error
    if not isinstance(content, dict):
        raise DataError(f"{file} is damaged (it holds no object); {remedy}")
    return content


def is_elsewhere(error: OSError, folder: Path) -> bool:
    """Whether an error names a file that does not lie in ``folder``, above it or below it."""
    if error.filename is None:
        return False
    place = Path(os.fsdecode(error.filename)).absolute()
    return not (place.is_relative_to(folder) or folder.is_relative_to(place))


def reason_of(error: OSError) -> str:
    """Why something can't be written, in words."""
    reasons = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "your disk quota is used up",
        errno.ENAMETOOLONG: "the name is too long",
    }
    return reasons.get(error.errno or 0) or error.strerror or str(error)


def unwritable(target: Path, error: OSError) -> UnwritableError:
    """The error for a file or folder that can't be written, with the reason in words."""
    reason = reason_of(error)
    in_the_way = next((above for above in target.absolute().parents if above.is_file()), None)
    if in_the_way is not None:
        reason = f"{in_the_way} is a file, not a folder"
    return UnwritableError(f"{target} can't be written: {reason}")
