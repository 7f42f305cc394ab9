# SPDX-License-Identifier: AGPL-3.0-or-later
"""Several at one time: threads, runs for one result, runs without a name for it, runs with equal process ids."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

from torturing.children import Ended, command, names_in, run, run_together
from torturing.commands import WRITERS, Act, Writer
from torturing.inputs import YAML
from torturing.kills import is_whole, prepare
from torturing.rows import Row

AT_ONCE = 4
THREADS = 16
CLONE_NEWPID = 0x20000000
IN_THREADS = f"""
import threading
from ultralytics import YOLO
told, gate = [], threading.Barrier({THREADS})
def build():
    gate.wait()
    try:
        told.append(type(YOLO("{YAML}").model.model[17]).__name__)
    except Exception as error:
        told.append(repr(error))
threads = [threading.Thread(target=build) for _ in range({THREADS})]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert told == ["EMA"] * {THREADS}, told
"""


def race(writer: Writer, inputs: Path, scratch: Path, repeats: int) -> Row:
    """Run a command several times at once for one result: it is whole at the end, and who failed was told why."""
    row = Row(f"race of {AT_ONCE}: {writer.name}")
    for _ in range(repeats):
        place = scratch / "race"
        prepare(place, inputs)
        ended = run_together([writer.act()] * AT_ONCE, place)
        row.count(**judge(writer, place, ended))
        shutil.rmtree(place)
    return row


def race_without_out(inputs: Path, scratch: Path, repeats: int) -> Row:
    """Evaluate several times at once without naming a folder: each has one of its own."""
    row = Row(f"race of {AT_ONCE}: eval without out=")
    words = ("eval", "annotations=in/truth.json", "detections=in/found.json", "resamples=0")
    for _ in range(repeats):
        place = scratch / "race"
        prepare(place, inputs)
        ended = run_together([command(*words)] * AT_ONCE, place)
        found = sorted(path.parent.name for path in place.glob("runs/*/eval.json"))
        failed = [one.said for one in ended if one.code]
        expected = ["eval", *(f"eval{number}" for number in range(2, AT_ONCE + 1))]
        left = sorted(str(path) for path in place.glob("runs/.*"))
        row.count(lost="" if found == expected and not failed else f"{found} {failed}", left=", ".join(left))
        shutil.rmtree(place)
    return row


def race_with_equal_ids(writer: Writer, inputs: Path, scratch: Path, repeats: int) -> Row:
    """Run a command in two containers at once, in both as process 1."""
    row = Row(f"equal process ids: {writer.name}")
    for _ in range(repeats):
        place = scratch / "equal"
        prepare(place, inputs)
        ended = run_together([as_first_process(writer.act())] * 2, place)
        row.count(**judge(writer, place, ended))
        shutil.rmtree(place)
    return row


def judge(writer: Writer, place: Path, ended: list[Ended]) -> dict[str, str]:
    """What is lost, and what is left behind, after several runs for one result."""
    wrong = [one.said for one in ended if one.code and not one.is_one_message]
    if wrong:
        return {"lost": f"no message for people: {wrong[0]}"}
    if all(one.code for one in ended) or not is_whole(writer, place):
        return {"lost": f"the result is not whole: {[one.said for one in ended if one.code]}"}
    left = [name for name in names_in(place) if any(part.startswith(".") for part in Path(name).parts)]
    return {"left": ", ".join(sorted(left)[:5])}


def as_first_process(act: Act) -> Act:
    """An act in a process that sees itself as number 1, as in a container."""

    def inside() -> int:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWPID):
            raise OSError(ctypes.get_errno(), "unshare")
        pid = os.fork()
        if pid:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert os.getpid() == 1
        code = act()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    return inside


def can_have_equal_ids(scratch: Path) -> bool:
    """Whether the system lets us make such processes."""
    return run(as_first_process(lambda: 0), scratch).code == 0


def first_use_from_threads(scratch: Path, repeats: int) -> Row:
    """Build a model in many threads of a fresh interpreter, each as its first use of this package."""
    row = Row(f"{THREADS} threads build at first use")
    for _ in range(repeats):
        ended = subprocess.run(
            [sys.executable, "-c", IN_THREADS], cwd=scratch, capture_output=True, text=True, check=False
        )
        row.count(lost="" if ended.returncode == 0 else ended.stderr[-300:])
    return row


RACING = tuple(writer for writer in WRITERS if writer.name not in ("train+resume", "demo"))
