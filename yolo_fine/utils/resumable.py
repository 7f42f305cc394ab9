# SPDX-License-Identifier: AGPL-3.0-or-later
"""Result folders whose making can be stopped, or killed, and taken up again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.utils.files import is_elsewhere, unwritable
from yolo_fine.utils.folders import FinishedFolder, check_place, is_free, rename_to, taken
from yolo_fine.utils.parts import is_at, lock, make_parents, remove, remove_empty, take_leftovers

RESUME = "resume"


@contextmanager
def resumable_folder(out: Path, key: str) -> Iterator[FinishedFolder]:
    """Give a hidden folder beside ``out`` to write into, and rename it to ``out`` when the block is left.

    When the process is stopped (Ctrl-C) or killed, the hidden folder stays, and the next call with the same ``key``
    gets it with all that is in it. An error removes it. Hidden folders of other keys, which nobody writes to, are
    removed.

    Args:
        out: The folder to be.
        key: Names the work: what is in the folder is of use to the same work alone. Letters and digits.

    Raises:
        ArgumentError: ``out`` is taken, can't be written, or is being written by another process.
    """
    out = Path(out)
    place = check_place(out)
    if not is_free(place):
        raise taken(out)
    try:
        made = make_parents(place)
        part = place.with_name(f".{place.name}.{RESUME}-{key}")
        for other in take_leftovers(place, RESUME):
            if other != part:
                remove(other)
        held = _make_and_hold(part, out)
        try:
            yield FinishedFolder(part, out)
            if not rename_to(part, place):
                raise taken(out)
        except Exception:  # not when stopped: KeyboardInterrupt is none
            remove(part)
            raise
        finally:
            if held is not None:
                os.close(held)
            remove_empty(made)
    except YoloFineError:  # some are an OSError too
        raise
    except OSError as error:
        if is_elsewhere(error, place.parent):
            raise
        raise unwritable(out, error) from error


def _make_and_hold(part: Path, out: Path) -> int | None:
    """Make a folder, if it is not there, and lock it; None where the file system has no locks.

    Raises:
        ArgumentError: Another process writes to it.
    """
    while True:
        part.mkdir(exist_ok=True)
        try:
            held = lock(part)
        except FileNotFoundError:
            continue  # another process took it for a leftover, between making and locking
        except OSError:
            return None
        if held is None:
            raise ArgumentError(f"{out} is being made by another process; wait for it, or name another folder")
        if is_at(part, held):
            return held
        os.close(held)
