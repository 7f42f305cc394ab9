# SPDX-License-Identifier: AGPL-3.0-or-later
"""Commands in processes of their own: forks of this one, which has imported what takes seconds to import."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

DEADLINE = 240.0  # seconds; what runs longer is ended, and counts as lost
POLL = 0.001


@dataclass
class Ended:
    """How a command ended: its exit status (negative: the signal), and what it wrote."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def said(self) -> str:
        """The end of what it wrote, on one line."""
        return " / ".join(f"{self.out}\n{self.err}".strip().splitlines())[-300:]

    @property
    def is_one_message(self) -> bool:
        """Whether a user's mistake, or a fault of the disk, was told as the house does it."""
        told = self.err.count("yolo-fine: ")
        return self.code == 2 and told == 1 and "Traceback" not in self.err + self.out


@dataclass
class Child:
    """A command that runs."""

    pid: int
    began: float
    pipes: dict[int, bytearray] = field(default_factory=dict)
    code: int | None = None

    def poll(self) -> bool:
        """Read what it has written; whether it runs."""
        for pipe, text in self.pipes.items():
            with suppress(BlockingIOError):
                while piece := os.read(pipe, 65536):
                    text.extend(piece)
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
                self.poll()
        return self.code is None

    def kill(self) -> None:
        """End it, and what it started, as the system does when memory is short: it can't do anything about it."""
        for end in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                end(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """Let it come to its end, or to the deadline."""
        while self.poll():
            if time.monotonic() - self.began > DEADLINE:
                self.kill()
            time.sleep(POLL)
        for pipe in self.pipes:
            os.close(pipe)
        out, err = (text.decode(errors="replace") for text in self.pipes.values())
        return Ended(self.code or 0, out, err, time.monotonic() - self.began)


def start(act: Callable[[], int], cwd: Path, out: Path | None = None) -> Child:
    """Run ``act`` in a fork whose working folder is ``cwd``; ``out`` takes its standard output, as ``/dev/full``."""
    sys.stdout.flush()
    sys.stderr.flush()
    pipes = [os.pipe() for _ in range(2)]
    pid = os.fork()
    if pid == 0:
        _run(act, cwd, [written for _, written in pipes], out)
    for read, written in pipes:
        os.close(written)
        os.set_blocking(read, False)
    return Child(pid, time.monotonic(), {read: bytearray() for read, _ in pipes})


def _run(act: Callable[[], int], cwd: Path, pipes: list[int], out: Path | None) -> None:
    """What the fork does; it never returns."""
    code = 1
    try:
        os.setsid()
        os.chdir(cwd)
        for stream, pipe in zip((1, 2), pipes, strict=True):
            os.dup2(pipe, stream)
        if out is not None:
            os.dup2(os.open(out, os.O_WRONLY), 1)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        code = act()
        sys.stdout.flush()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def command(*words: str) -> Callable[[], int]:
    """What ``yolo-fine WORDS`` does."""

    def act() -> int:
        from yolo_fine.cli import main

        sys.argv = ["yolo-fine", *words]
        return main(list(words))

    return act


def run(act: Callable[[], int], cwd: Path, out: Path | None = None) -> Ended:
    """Run something to its end."""
    return start(act, cwd, out).wait()


def run_together(acts: Iterable[Callable[[], int]], cwd: Path) -> list[Ended]:
    """Run several at one time, to the end of all."""
    children = [start(act, cwd) for act in acts]
    running = children
    while running := [child for child in running if child.poll()]:
        for child in running:
            if time.monotonic() - child.began > DEADLINE:
                child.kill()
        time.sleep(POLL)
    return [child.wait() for child in children]


def names_in(folder: Path) -> set[str]:
    """Every file and folder in a folder, hidden ones too, but for caches that Ultralytics keeps beside labels."""
    found = set()
    for above, folders, files in os.walk(folder):
        found |= {os.path.relpath(os.path.join(above, name), folder) for name in (*folders, *files)}
    return {name for name in found if not name.endswith(".cache")}
