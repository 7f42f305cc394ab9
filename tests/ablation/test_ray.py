# SPDX-License-Identifier: AGPL-3.0-or-later
"""An ablation on a Ray cluster of two workers, one of which is killed in the middle, is the local one bit for bit.

Real processes, about a minute of computing: with ``YOLO_FINE_ALL=1``. What a killed worker leaves to the others is
tested in seconds by ``tests/utils/test_ray_executor.py``.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest

from tests.extent import ALL
from yolo_fine.ablation import grid as grids
from yolo_fine.ablation.grid import ablate
from yolo_fine.utils.executors import RayExecutor

REPORT = ("results.csv", "report.json", "report.md", "report.html", "pareto.png")


@pytest.mark.skipif(not ALL, reason="trains eight tiny models in processes of their own: YOLO_FINE_ALL=1")
def test_a_cluster_with_a_killed_worker_gives_the_local_results(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray: Any = pytest.importorskip("ray")

    def work(module: str, folder: str) -> int:
        import signal
        import time

        from yolo_fine.utils.executors import start

        place = Path(folder)
        process = start(module, place, dict(os.environ))
        if place.name == "yolo11n-ema-seed0" and place.parent.name != "probes" and not (place / "killed").exists():
            while process.poll() is None and not (place / "train").exists():
                time.sleep(0.05)
            (place / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return process.wait()

    monkeypatch.setattr(grids, "RayExecutor", functools.partial(RayExecutor, work=work))
    options: dict[str, Any] = {
        "models": "yolo11n.yaml,yolo11n-ema.yaml", "data": tiny_data, "seeds": 1, "metric": "AP", "resamples": 400,
        "latency": False, "epochs": 1, "imgsz": 64, "batch": 4, "loader_workers": 0, "device": "cpu", "amp": False,
    }  # fmt: skip
    assert ablate(**options, out=tmp_path / "local").passed
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        assert ablate(**options, engine="ray", address="local", out=tmp_path / "ray").passed
    finally:
        ray.shutdown()
    assert (tmp_path / "ray" / "yolo11n-ema-seed0" / "killed").exists()
    for name in REPORT:
        assert (tmp_path / "local" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes(), name
