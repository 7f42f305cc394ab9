# SPDX-License-Identifier: AGPL-3.0-or-later
"""Folders that another library writes into: what it wrote is removed again where it can't be written whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolo_fine.errors import DataError, UnwritableError
from yolo_fine.utils.files import is_elsewhere, unwritable
from yolo_fine.utils.images import open_image
from yolo_fine.utils.parts import remove, remove_empty

ROOM = 64 * 1024  # bytes that a disk must still take after a file was written, or that file may be cut off


@contextmanager
def undone_if_unwritable(folder: Path) -> Iterator[None]:
    """Remove what is new in ``folder``, and the folder and those above it if they are, where it can't be written.

    Anything else that goes wrong, as a stream that ends early, leaves what was written until then, but no empty folder.

    Raises:
        UnwritableError: It can't be written, with the reason.
    """
    new_above = [above for above in folder.absolute().parents if not above.exists()]
    is_new, before = not folder.exists(), set(folder.rglob("*"))

    def undo() -> None:
        if is_new:
            remove(folder)
        else:
            for path in set(folder.rglob("*")) - before:
                remove(path)
        remove_empty(new_above)

    def undo_if_empty() -> None:
        if is_new and not any(path.is_file() for path in folder.rglob("*")):
            undo()

    try:
        yield
    except UnwritableError:
        undo()
        raise
    except OSError as error:
        if error.errno is None or is_elsewhere(error, folder):
            undo_if_empty()
            raise
        undo()
        raise unwritable(folder, error) from error
    except BaseException:
        undo_if_empty()
        raise


def check_room(folder: Path) -> None:
    """Find out whether a disk still takes something. Libraries that write videos don't say when it does not.

    Raises:
        OSError: It takes no more.
    """
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(bytes(ROOM))


def check_whole(file: Path) -> None:
    """Find out whether an image that was just written can be read. OpenCV doesn't say when the disk was full.

    Raises:
        OSError: Its disk takes no more.
        UnwritableError: It is not there, or cut off; the system doesn't say why.
    """
    try:
        with open_image(file) as image:
            image.load()
    except DataError as error:
        check_room(file.parent)
        raise UnwritableError(f"{file} can't be written whole; the disk may be full") from error
