# SPDX-License-Identifier: AGPL-3.0-or-later
"""A folder that appears under its name when it is finished, and not before."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolo_fine.errors import DataError

SPARE_BYTES = 64 * 2**20  # left free on the disk


@contextmanager
def finished_folder(out: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``out`` to write into, and rename it to ``out`` when the block is left.

    When the block fails or is interrupted, the temporary folder is removed.

    Raises:
        DataError: The disk is full, or the folder can't be written.
    """
    part = out.parent / f".{out.name}.part-{os.getpid()}"
    try:
        part.mkdir(parents=True)
        yield part
        if out.is_dir():
            out.rmdir()  # is_free has seen that it is empty
        part.rename(out)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise DataError(f"{out} can't be written: {reason}; nothing is left there") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_free(out: Path) -> bool:
    """Whether nothing, or an empty folder, is at ``out``."""
    return not out.exists() or (out.is_dir() and not any(out.iterdir()))


def default_out(source: Path) -> Path:
    """Where the conversion of ``source`` goes if the user names no place: ``SOURCE-yolo`` beside it."""
    return source.with_name(f"{source.stem if source.is_file() else source.name}-yolo")


def print_leftovers(out: Path) -> None:
    """Tell of temporary folders for ``out`` that killed runs left behind."""
    for folder in sorted(out.parent.glob(f".{out.name}.part-*")):
        print(f"{folder} was left by a run that was killed, or belongs to one that is still going on")


def existing_parent(path: Path) -> Path:
    """The nearest folder above ``path`` that exists."""
    return next(folder for folder in path.resolve().parents if folder.is_dir())


def check_space(out: Path, needed: int) -> None:
    """Check that the disk has room for ``needed`` bytes.

    Raises:
        DataError: It hasn't.
    """
    free = shutil.disk_usage(existing_parent(out)).free
    if needed + SPARE_BYTES > free:
        raise DataError(
            f"{out} needs {_gigabytes(needed + SPARE_BYTES)} on the disk, {_gigabytes(free)} are free; "
            "give an out=DIR on another disk (on that of an unpacked download, images are linked and take no space)"
        )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
