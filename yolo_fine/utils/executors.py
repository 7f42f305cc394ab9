# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where pieces of long work are carried out: in processes of this machine, or on a Ray cluster.

A piece is a folder that says what to do (``job.json``) and gets what was found; ``python -m MODULE FOLDER`` does it.
The folder may get ``progress.json`` meanwhile, and gets ``log.txt``, what the process prints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from yolo_fine.errors import ArgumentError

LOG, PROGRESS = "log.txt", "progress.json"
POLL_SECONDS = 0.5
RETRIES = 3  # of a piece whose Ray worker or machine died
Watch = Callable[[Path, str], None]  # is told a folder, and how far its piece is


class Executor(Protocol):
    """Carries out pieces of work, each given by its folder."""

    @property
    def slots(self) -> int:
        """How many pieces at a time."""
        ...

    def carry_out(self, folders: Sequence[Path], watch: Watch) -> Iterator[tuple[Path, int]]:
        """Yield each folder when its piece has ended, with the exit code, in the order in which they end."""
        ...


class LocalExecutor:
    """Processes of this machine.

    Args:
        module: What carries out a piece.
        workers: How many pieces at a time. More than one share the cores, each with its share of threads.
    """

    def __init__(self, module: str, workers: int = 1) -> None:
        self.module, self.workers = module, workers

    @property
    def slots(self) -> int:
        """See :class:`Executor`."""
        return self.workers

    def carry_out(self, folders: Sequence[Path], watch: Watch) -> Iterator[tuple[Path, int]]:
        """See :class:`Executor`. If it is left early, the processes are ended."""
        waiting, running = list(folders), dict[Path, subprocess.Popen[bytes]]()
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    folder = waiting.pop(0)
                    running[folder] = self._start(folder)
                for folder, process in list(running.items()):
                    watch(folder, read_progress(folder))
                    if process.poll() is not None:
                        del running[folder]
                        yield folder, process.returncode
                time.sleep(POLL_SECONDS)
        finally:
            for process in running.values():
                process.kill()
                process.wait()

    def _start(self, folder: Path) -> subprocess.Popen[bytes]:
        surroundings = dict(os.environ)
        if self.workers > 1:
            share = str(max(1, (os.cpu_count() or 1) // self.workers))
            surroundings.setdefault("OMP_NUM_THREADS", share)
        return start(self.module, folder, surroundings)


class RayExecutor:
    """A Ray cluster: one task a piece. The folders must lie on a file system that all machines share.

    A piece whose worker or machine dies is given to another worker, which starts it anew.

    Args:
        module: What carries out a piece.
        address: Of the cluster; ``auto`` finds a running one, ``local`` starts one in this machine.
        gpus: GPUs that a piece takes, which may be a fraction.
        cpus: CPUs that a piece takes.
        work: What a worker calls with module and folder; returns the exit code.

    Raises:
        ArgumentError: Ray is not installed, or no cluster is there.
    """

    def __init__(
        self,
        module: str,
        address: str = "auto",
        gpus: float = 0,
        cpus: float = 1,
        work: Callable[[str, str], int] | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise ArgumentError("engine=ray needs Ray: pip install 'yolo-fine[ray]'") from error
        self.ray, self.module, self.gpus, self.cpus = ray, module, gpus, cpus
        self.work = work or run_in_process
        if not ray.is_initialized():
            try:
                ray.init(address=None if address == "local" else address, log_to_driver=False, logging_level="error")
            except (ConnectionError, RuntimeError) as error:
                raise ArgumentError(
                    f"address={address}: no Ray cluster answers there ({error}); start one with ray start"
                ) from error

    @property
    def slots(self) -> int:
        """See :class:`Executor`."""
        has = self.ray.cluster_resources()
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        return max(1, min(int(has.get(kind, 0) / each) for kind, each in wanted.items() if each))

    def carry_out(self, folders: Sequence[Path], watch: Watch) -> Iterator[tuple[Path, int]]:
        """See :class:`Executor`."""
        remote = self.ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=RETRIES)(self.work)
        waiting = {remote.remote(self.module, str(folder.absolute())): folder for folder in folders}
        try:
            while waiting:
                done, _ = self.ray.wait(list(waiting), num_returns=1, timeout=POLL_SECONDS)
                for folder in waiting.values():
                    watch(folder, read_progress(folder))
                for reference in done:
                    folder = waiting.pop(reference)
                    try:
                        code = self.ray.get(reference)
                    except self.ray.exceptions.RayError:
                        code = 1
                    yield folder, code
        finally:
            for reference in waiting:
                with suppress(self.ray.exceptions.RayError):
                    self.ray.cancel(reference, force=True)


def run_in_process(module: str, folder: str) -> int:
    """Carry out one piece in a process of its own, wherever this is called; returns the exit code."""
    return start(module, Path(folder), dict(os.environ)).wait()


def start(module: str, folder: Path, surroundings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the process of a piece. It ends when this process ends: its standard input is a pipe from here."""
    in_order = {**surroundings, "PYTHONUNBUFFERED": "1"}  # else an error stands above what was printed before it
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(
            command(module, folder), stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=in_order
        )


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, which holds the other end of its standard input.

    Whoever was killed can't end its processes, and whoever takes its place starts them anew in the same folders.
    """

    def wait() -> None:
        with suppress(OSError):
            while os.read(sys.stdin.fileno(), 1):
                pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def command(module: str, folder: Path) -> list[str]:
    """The command of a piece."""
    return [sys.executable, "-m", module, str(folder)]


def read_progress(folder: Path) -> str:
    """``epoch 4 of 15``; empty before the first epoch has ended."""
    with suppress(OSError, ValueError, KeyError):
        progress: dict[str, Any] = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        return f"epoch {progress['epoch']} of {progress['epochs']}"
    return ""


def last_words(folder: Path, lines: int = 3) -> str:
    """The last lines that a piece printed, for the report of a failure."""
    with suppress(OSError):
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
        return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())[-400:]
    return ""
