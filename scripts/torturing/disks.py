# SPDX-License-Identifier: AGPL-3.0-or-later
"""Disks that are full, or that nobody may write to: one message, status 2, nothing left behind, nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torturing.children import Ended, names_in, run
from torturing.commands import Act, Writer
from torturing.kills import is_whole, prepare
from torturing.rows import Row

LIMITS = (0, 1000, 20_000)  # bytes of the largest file
FREE = (0, 8, 64)  # kilobytes that are free on a small disk
SIZE = 160  # megabytes of the small disk: conversions want to leave 64 of them free


def fill_disks(writer: Writer, inputs: Path, scratch: Path, can_mount: bool) -> Iterator[Row]:
    """Let a command meet a limit of file sizes, a full disk and a disk that is read only."""
    row = Row(f"largest file: {writer.name}")
    for limit in LIMITS:
        for earlier in (False, True) if writer.keeps else (False,):
            place = make_place(scratch / "limit", writer, inputs, earlier)
            meet(row, writer, place, earlier, limited(writer.act(), limit))
            shutil.rmtree(place)
    yield row
    if not can_mount:
        return
    row = Row(f"full disk: {writer.name}")
    for free in FREE:
        with small_disk(scratch / "disk") as disk:
            place = make_place(disk / "place", writer, inputs, earlier=False)
            fill(disk, free)
            meet(row, writer, place, False, writer.act())
    yield row
    row = Row(f"read-only disk: {writer.name}")
    for earlier in (False, True) if writer.keeps else (False,):
        with small_disk(scratch / "disk") as disk:
            place = make_place(disk / "place", writer, inputs, earlier)
            mount("-o", "remount,ro", str(disk))
            meet(row, writer, place, earlier, writer.act())
            mount("-o", "remount,rw", str(disk))
    yield row


def fill_output(acts: dict[str, Act], scratch: Path) -> Row:
    """Let the standard output of commands be a full device."""
    row = Row("standard output is full")
    for name, act in acts.items():
        ended = run(act, scratch, Path("/dev/full"))
        row.count(lost="" if ended.is_one_message else f"{name} ended with {ended.code}: {ended.said}")
    return row


def meet(row: Row, writer: Writer, place: Path, earlier: bool, act: Act) -> None:
    """Run a command that can't write, and count what it did. Where nothing was in its way, its result is whole."""
    before = names_in(place)
    ended = run(act, place)
    if ended.code == 0 and is_whole(writer, place):
        row.count()
        return
    left = sorted(names_in(place) - before)
    if any(name.startswith(writer.stays) for name in left):
        left = [name for name in left if Path(name).name.startswith(".")]
    row.count(lost=fault_of(ended, earlier and not is_whole(writer, place)), left=", ".join(left[:5]))


def fault_of(ended: Ended, lost: bool) -> str:
    """What is wrong with how a command ended."""
    if lost:
        return "the earlier result"
    return "" if ended.is_one_message else f"no message for people, but {ended.code}: {ended.said}"


def make_place(place: Path, writer: Writer, inputs: Path, earlier: bool) -> Path:
    """A folder to run in, with an earlier result or without."""
    prepare(place, inputs)
    if earlier:
        run(writer.act(), place)
    return place


def limited(act: Act, limit: int) -> Act:
    """An act in a process that may write no larger file."""

    def with_limit() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return act()

    return with_limit


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of some megabytes, in memory; it is seen by this process and its children alone."""
    place.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={SIZE}m", "none", str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, kilobytes: int) -> None:
    """Leave so much of a disk free."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "full").write_bytes(bytes(max(free - kilobytes * 1024, 0)))


def mount(*words: str) -> None:
    """Run mount."""
    subprocess.run(["mount", *words], check=True, capture_output=True)


def with_namespace(words: list[str], run_again: Callable[[list[str]], int]) -> int | None:
    """Run this program again where it may mount disks of its own; None where the system doesn't allow that."""
    for flags in (["--mount"], ["--map-root-user", "--mount"]):
        tried = subprocess.run(["unshare", *flags, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return run_again(["unshare", *flags, *words])
    return None
