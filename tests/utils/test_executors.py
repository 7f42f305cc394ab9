# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pieces of work in processes of their own: several at a time, failures, and a parent that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from yolo_fine.utils import executors
from yolo_fine.utils.executors import LocalExecutor, last_words, read_progress

PIECES = {
    "good": "print('fine')",
    "bad": "import sys; print('first'); sys.exit('it broke')",
    "sleepy": "import time; time.sleep(60)",
}


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders whose runs are a line of Python, chosen by the folder's name."""

    def command(module: str, folder: Path) -> list[str]:
        return [sys.executable, "-S", "-c", PIECES[folder.name]]

    monkeypatch.setattr(executors, "command", command)
    monkeypatch.setattr(executors, "POLL_SECONDS", 0.02)
    made = [tmp_path / name for name in PIECES]
    for folder in made:
        folder.mkdir()
    return made


def watch(folder: Path, how_far: str) -> None:
    """Nobody looks."""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_run_does_not_end_the_others(folders: list[Path], workers: int) -> None:
    good, bad, _ = folders
    codes = dict(LocalExecutor("module", workers).carry_out([bad, good], watch))
    assert codes == {bad: 1, good: 0}
    assert last_words(bad) == "first | it broke"
    assert last_words(good) == "fine"


def test_runs_end_when_nobody_waits_for_them(folders: list[Path]) -> None:
    good, _, sleepy = folders
    executor = LocalExecutor("module", 2)
    runs = executor.carry_out([sleepy, good], watch)
    began = time.monotonic()
    assert next(runs) == (good, 0)
    runs.close()  # type: ignore[attr-defined]  # what an error or Ctrl-C in the loop does
    assert time.monotonic() - began < 20


def test_progress_is_read_from_the_run(tmp_path: Path) -> None:
    assert read_progress(tmp_path) == ""
    (tmp_path / "progress.json").write_text(json.dumps({"epoch": 3, "epochs": 15, "seconds": 1.0}))
    assert read_progress(tmp_path) == "epoch 3 of 15"
    (tmp_path / "progress.json").write_text("{")
    assert read_progress(tmp_path) == ""
    assert last_words(tmp_path) == ""


PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""
CHILD = """
import time
from yolo_fine.utils.executors import end_with_parent
end_with_parent()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_piece_ends_when_who_started_it_is_killed() -> None:
    """Else it would go on in the folder in which the next one starts it anew."""
    parent = subprocess.Popen([sys.executable, "-S", "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert parent.stdout.readline().strip() == "ready"
    assert is_alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_alive(child)


def is_alive(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
