# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pieces of work on a Ray cluster of two workers in this machine. Without Ray, these tests are skipped."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.executors import RayExecutor

ray: Any = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two workers."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_DISABLE_METRICS_COLLECTION="1")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


def watch(folder: Path, how_far: str) -> None:
    """Nobody looks."""


def folders(root: Path, *names: str) -> list[Path]:
    made = [root / name for name in names]
    for folder in made:
        folder.mkdir()
    return made


def test_pieces_are_carried_out_by_workers_and_failures_are_told(tmp_path: Path) -> None:
    def work(module: str, folder: str) -> int:
        place = Path(folder)
        (place / "done").write_text(f"{module} {os.getpid()}")
        if place.name == "raises":
            raise ValueError("it broke")
        return 1 if place.name == "bad" else 0

    some = folders(tmp_path, "good", "bad", "raises")
    codes = dict(RayExecutor("a.module", "local", work=work).carry_out(some, watch))
    assert codes == {some[0]: 0, some[1]: 1, some[2]: 1}
    said = [(folder / "done").read_text().split() for folder in some]
    assert {module for module, _ in said} == {"a.module"}
    assert str(os.getpid()) not in {process for _, process in said}


def test_a_piece_whose_worker_is_killed_is_started_anew(tmp_path: Path) -> None:
    def work(module: str, folder: str) -> int:
        tries = Path(folder) / "tries"
        with tries.open("a") as stream:
            stream.write("x")
        if Path(folder).name == "killed" and len(tries.read_text()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    some = folders(tmp_path, "killed", "spared")
    codes = dict(RayExecutor("a.module", "local", work=work).carry_out(some, watch))
    assert codes == {some[0]: 0, some[1]: 0}
    assert [(folder / "tries").read_text() for folder in some] == ["xx", "x"]


def test_a_cluster_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**arguments: Any) -> None:
        raise ConnectionError("could not find any running Ray instance")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ArgumentError, match=r"address=auto: no Ray cluster answers there .*ray start"):
        RayExecutor("a.module")
