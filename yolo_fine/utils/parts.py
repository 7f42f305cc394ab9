# SPDX-License-Identifier: AGPL-3.0-or-later
"""Unfinished files and folders: hidden beside their target, locked while their writer lives, removed after a kill.

A part of ``DIR/NAME`` is called ``DIR/.NAME.part-1a2b3c4d``. Its writer holds a lock on it (``flock``), which the
system releases when the process ends, however it ends. So a part that can be locked was left by a killed run, and the
next writer of the same target removes it. Where the file system has no locks (some network shares, Windows), nothing is
removed that might belong to a living process.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from yolo_fine.errors import ArgumentError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PART, OLD = "part", "old"


@contextmanager
def open_part(target: Path, *, is_folder: bool = False) -> Iterator[Path]:
    """Make an empty part of ``target``, and remove it at the end if it is still there.

    Folders above ``target`` are made, and removed again if they are empty at the end.

    Raises:
        OSError: It can't be made there.
    """
    made = make_parents(target)
    try:
        remove_leftovers(target)
        part, lock = _make_locked(target, is_folder)
        try:
            yield part
        finally:
            remove(part)
            if lock is not None:
                os.close(lock)
    finally:
        remove_empty(made)


def make_parents(target: Path) -> list[Path]:
    """Make the folders above ``target``; returns those that were missing, the deepest one first."""
    missing = [folder for folder in target.absolute().parents if not folder.exists()]
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    return missing


def remove_empty(folders: list[Path]) -> None:
    """Remove those of ``folders`` that are empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def hidden_name(target: Path, kind: str) -> Path:
    """A new name beside ``target`` for its part or for its earlier content."""
    suffix = target.suffix if kind == PART else ""  # writers such as Pillow choose the format by it
    return target.with_name(f".{target.name}.{kind}-{secrets.token_hex(4)}{suffix}")


def take_leftovers(target: Path, kind: str = PART) -> Iterator[Path]:
    """Give each part (or earlier content) of ``target`` that no living process holds, and hold it meanwhile.

    What is not held while it is removed may be the part that another writer has just made and locked.
    """
    start = f".{target.name}.{kind}-"
    try:
        found = sorted(path for path in target.absolute().parent.iterdir() if path.name.startswith(start))
    except OSError:
        return
    for path in found:
        held = _lock_abandoned(path)
        if held is None:
            continue
        try:
            yield path
        finally:
            os.close(held)


def remove_leftovers(target: Path) -> None:
    """Remove the parts of ``target`` that killed runs left."""
    for part in take_leftovers(target):
        remove(part)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and can be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)


def lock(path: Path) -> int | None:
    """Lock a file or folder; returns the descriptor that holds the lock, or None if another process has it.

    Raises:
        OSError: It is not there, or the file system has no locks.
    """
    if fcntl is None:
        raise OSError("this system has no file locks")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let no other process of this package work in a folder meanwhile, where the file system has locks.

    Raises:
        ArgumentError: Another one does.
    """
    try:
        held = lock(folder)
    except OSError:
        yield
        return
    if held is None:
        raise ArgumentError(f"another process is at work in {folder}; wait for it, or name another folder")
    try:
        yield
    finally:
        os.close(held)


def _make_locked(target: Path, is_folder: bool) -> tuple[Path, int | None]:
    while True:
        part = hidden_name(target, PART)
        try:
            part.mkdir() if is_folder else part.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            held = lock(part)
        except FileNotFoundError:
            continue  # another writer took it for a leftover, between making and locking
        except OSError:
            return part, None
        if held is not None and is_at(part, held):
            return part, held
        if held is not None:
            os.close(held)


def _lock_abandoned(path: Path) -> int | None:
    """Lock a leftover; None if a living process holds it, or if it has another name, or none, by now."""
    try:
        held = lock(path)
    except OSError:
        return None
    if held is not None and not is_at(path, held):
        os.close(held)
        return None
    return held


def is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file or folder is (still) the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
