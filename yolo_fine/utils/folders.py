# SPDX-License-Identifier: AGPL-3.0-or-later
"""Result folders: they appear under their name when they are finished, and an earlier result stays until then."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.utils.files import is_elsewhere, unwritable
from yolo_fine.utils.parts import OLD, hidden_name, lock, open_part, remove, take_leftovers

TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EACCES)  # what renaming onto something gives, by system


@dataclass
class FinishedFolder:
    """A folder in the making.

    Attributes:
        path: Where to write until it is finished.
        out: Where it is when it is finished.
    """

    path: Path
    out: Path


@contextmanager
def finished_folder(out: Path, *, replace: bool = False, numbered: bool = False) -> Iterator[FinishedFolder]:
    """Give a hidden folder beside ``out`` to write into, and rename it to ``out`` when the block is left.

    When the block fails or is interrupted, the hidden folder is removed and ``out`` is what it was before.

    Args:
        out: The folder to be.
        replace: Take the place of an earlier folder: files of the same names are replaced, others stay.
        numbered: If ``out`` is taken, use the first free one of ``out2``, ``out3``, ... Two runs never get the same.

    Raises:
        ArgumentError: ``out`` is taken, and neither ``replace`` nor ``numbered``; or it is a file, or the current
            folder; or it can't be written.
    """
    out = Path(out)
    place = check_place(out)
    restore(place)
    can_replace = replace and (place.is_dir() or not os.path.lexists(place))
    if not (can_replace or numbered or is_free(place)):
        raise taken(out)
    try:
        with open_part(place, is_folder=True) as part:
            folder = FinishedFolder(part, out)
            yield folder
            if numbered:
                number = _rename_to_free_number(part, place)
                folder.out = out.with_name(number.name) if out.name == place.name else number
            elif not rename_to(part, place):
                if not replace:
                    raise taken(out)
                exchange(part, place, keep_rest=True)
    except YoloFineError:  # some are an OSError too
        raise
    except OSError as error:
        if is_elsewhere(error, place.parent):
            raise
        raise unwritable(out, error) from error


def check_place(out: Path) -> Path:
    """The absolute path of a folder to be: renaming needs a name, which "." and "a/.." are not, and replaces no link.

    Raises:
        ArgumentError: It is the current folder, or holds it.
    """
    place, here = out.resolve(), Path.cwd()
    if place == here or place in here.parents:
        raise ArgumentError(f"{out} is the current folder, or holds it; name another one, such as {out / 'results'}")
    return place


def is_free(out: Path) -> bool:
    """Whether nothing, or an empty folder, is at ``out``."""
    return not os.path.lexists(out) or (out.is_dir() and not any(out.iterdir()))


def taken(out: Path) -> ArgumentError:
    """The error for a folder that exists and must not be replaced."""
    what = "is a file" if out.is_file() else "exists and is not empty"
    return ArgumentError(f"{out} {what}; name a new or an empty folder")


def restore(out: Path, *, keep_rest: bool = True) -> None:
    """Finish, or undo, an exchange in which a run was killed."""
    for old in take_leftovers(out, OLD):
        if rename_to(old, out):
            continue
        if keep_rest:
            _move_the_rest(old, out)
        remove(old)


def rename_to(part: Path, out: Path) -> bool:
    """Rename a folder to ``out`` unless something but an empty folder is there."""
    try:
        if os.name == "nt" and out.is_dir() and is_free(out):
            out.rmdir()
        part.rename(out)
    except OSError as error:
        if error.errno in TAKEN and os.path.lexists(out):
            return False
        raise
    return True


def _rename_to_free_number(part: Path, first: Path) -> Path:
    for number in count(1):
        out = first if number == 1 else first.with_name(f"{first.name}{number}")
        if rename_to(part, out):
            break
    return out


def exchange(part: Path, out: Path, *, keep_rest: bool = False) -> None:
    """Put ``part`` in the place of ``out``, a folder or a file; a kill or a failure leaves one of both there.

    Args:
        part: The new folder, or file.
        out: The old one, which is removed.
        keep_rest: Move those files of the old folder that the new one doesn't have into it first.

    Raises:
        OSError: It can't be done.
    """
    try:
        held = lock(out)  # so that nobody takes the renamed folder for a leftover
    except OSError:
        held = None
    try:
        old = hidden_name(out, OLD)
        out.rename(old)
        try:
            part.rename(out)
        except OSError:
            rename_to(old, out)
            raise
        if keep_rest:
            _move_the_rest(old, out)
        remove(old)
    finally:
        if held is not None:
            os.close(held)


def _move_the_rest(old: Path, out: Path) -> None:
    for path in old.iterdir():
        if not os.path.lexists(out / path.name):
            shutil.move(path, out / path.name)
