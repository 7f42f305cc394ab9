# SPDX-License-Identifier: AGPL-3.0-or-later
"""Kills: at a random moment, or just when something changes on the disk; then the same command again."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from torturing.children import POLL, Child, names_in, run, start
from torturing.commands import Writer, repeated_epochs
from torturing.rows import Row


def kill_often(writer: Writer, inputs: Path, scratch: Path, repeats: int, random_: random.Random) -> Row:
    """Kill a command, look at what it left, and let it run again.

    Lost is: an earlier result that is not whole after the kill, a result that is there and not whole, a second run that
    fails. Left behind is what lies there after the second run and does not after an undisturbed one.
    """
    row = Row(f"kill: {writer.name}")
    place, changes = scratch / "undisturbed", 0
    prepare(place, inputs)
    before = names_in(place)
    child = start(writer.act(), place)
    seen = before
    while child.poll():
        if (now := names_in_outputs(place)) != seen:
            seen, changes = now, changes + 1
        time.sleep(POLL)
    ended = child.wait()
    if ended.code or not is_whole(writer, place):
        row.count(lost=f"an undisturbed run ended with {ended.code}: {ended.said}")
        shutil.rmtree(place)
        return row
    usual = names_in(place)
    twice = 0
    for number in range(repeats):
        with_earlier = writer.keeps and number % 2 == 1
        again = scratch / f"kill{number}"
        if with_earlier:
            shutil.copytree(place, again, symlinks=True)
        else:
            prepare(again, inputs)
        child = start(writer.act(), again)
        if number % 4 < 2:
            wait_for(child, after(random_.uniform(0, ended.seconds * 1.05)))
        else:
            wait_for(child, changed(again, random_.randint(1, max(changes, 1))))
        child.kill()
        child.wait()
        row.count(**check(writer, again, usual, with_earlier))
        if writer.name == "train+resume" and is_whole(writer, again):
            twice += bool(repeated_epochs(again))
        shutil.rmtree(again)
    shutil.rmtree(place)
    if twice:
        row.details.append(f"{row.what}: note: {twice} of {repeats} have an epoch's row twice in results.csv")
    return row


def prepare(place: Path, inputs: Path) -> None:
    """A folder to run in: the inputs linked, and a checkpoint of its own, beside which an export comes."""
    place.mkdir()
    (place / "in").symlink_to(inputs)
    shutil.copyfile(inputs / "best.pt", place / "best.pt")


def names_in_outputs(place: Path) -> set[str]:
    """As :func:`names_in`; a file that vanishes while one looks is no matter."""
    try:
        return names_in(place)
    except OSError:
        return set()


def changed(place: Path, times: int) -> Callable[[Child], bool]:
    """A moment: names in a folder have changed so many times."""
    seen, count = names_in_outputs(place), 0

    def is_there(_: Child) -> bool:
        nonlocal seen, count
        now = names_in_outputs(place)
        if now != seen:
            seen, count = now, count + 1
        return count >= times

    return is_there


def after(seconds: float) -> Callable[[Child], bool]:
    """A moment: so long after now."""
    until = time.monotonic() + seconds
    return lambda _: time.monotonic() > until


def wait_for(child: Child, moment: Callable[[Child], bool]) -> None:
    """Wait until a moment, or the end of the child."""
    while child.poll() and not moment(child):
        time.sleep(POLL / 4)


def check(writer: Writer, place: Path, usual: set[str], with_earlier: bool) -> dict[str, str]:
    """What is lost, and what is left behind."""
    if with_earlier and not is_whole(writer, place):
        return {"lost": "the earlier result"}
    if not (writer.again and is_whole(writer, place)):  # Ultralytics refuses to resume what has come to its end
        ended = run(writer.act(writer.again(place) if writer.again else None), place)
        if ended.code:
            return {"lost": f"the run after the kill ended with {ended.code}: {ended.said}"}
    if not is_whole(writer, place):
        return {"lost": "the result of the run after the kill is not whole"}
    left = sorted(name for name in names_in(place) - usual)
    return {"left": ", ".join(left[:5])} if left else {}


def is_whole(writer: Writer, place: Path) -> bool:
    """Whether the result is there and complete."""
    try:
        return writer.whole(place)
    except Exception:
        return False
