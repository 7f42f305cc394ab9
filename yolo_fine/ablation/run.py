# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of an ablation, in a process of its own: ``python -m yolo_fine.ablation.run FOLDER``.

The folder holds ``job.json``, what to do. It gets ``train/`` (Ultralytics' run folder), ``progress.json`` after every
epoch, ``eval.json`` and ``boot.npz`` (the metrics under every resample of the images), and last ``result.json``: a run
whose folder has it is finished. A run that was cut has none, and is started anew: a resumed Ultralytics training is not
the unbroken one (half-precision state, other batches).

``last.pt`` is evaluated, because ``best.pt`` was chosen on the images that judge it.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from yolo_fine.ablation.metrics import BOOT, EVALUATION, evaluate_run
from yolo_fine.integration.training import Trained, train_on_equal_data, weights_hash
from yolo_fine.utils.executors import PROGRESS, end_with_parent
from yolo_fine.utils.files import write_json
from yolo_fine.utils.parts import remove

JOB, RESULT, FAILED = "job.json", "result.json", "failed.json"
PROBE_STEPS = 20


class ProbeIsOver(Exception):
    """Ends a training that is only there to be timed."""


def run(folder: Path) -> None:
    """Train and evaluate as ``job.json`` says, and write ``result.json``; or time a few steps, if it says that."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    if job.get("probe"):
        probe(folder, job)
        return
    clear(folder)
    began = time.monotonic()
    trained = train(folder, job)
    finished = time.monotonic()
    metrics = evaluate_run(trained.last, folder, job)
    result = {
        "model": job["name"],
        "seed": job["seed"],
        "metrics": metrics,
        "batch": trained.batch,
        "imgsz": trained.imgsz,
        "epochs": trained.epochs,
        "data_hash": trained.data_hash,
        "weights_hash": weights_hash(trained.last),
        "seconds": {"train": round(finished - began, 1), "eval": round(time.monotonic() - finished, 1)},
        "diverged": not all(value is None or math.isfinite(value) for value in metrics.values()),
    }
    write_json(folder / RESULT, result)


def clear(folder: Path) -> None:
    """Remove what a run that was cut, or has failed, left behind."""
    shutil.rmtree(folder / "train", ignore_errors=True)
    for name in (PROGRESS, EVALUATION, BOOT, FAILED):
        remove(folder / name)


def train(folder: Path, job: dict[str, Any]) -> Trained:
    """Train on data that depend on the seed alone."""
    began = time.monotonic()

    def tell(epoch: int, epochs: int) -> None:
        write_json(folder / PROGRESS, {"epoch": epoch, "epochs": epochs, "seconds": time.monotonic() - began})

    return train_on_equal_data(job["model"], epoch_done=tell, **arguments_of(folder, job))


def probe(folder: Path, job: dict[str, Any]) -> None:
    """Time the first steps of a training, and write the median seconds of one to ``progress.json``."""
    times: list[float] = []
    steps_an_epoch = 0

    def step_begun(steps: int) -> None:
        nonlocal steps_an_epoch
        steps_an_epoch = steps
        times.append(time.monotonic())
        if len(times) > PROBE_STEPS:
            raise ProbeIsOver

    with suppress(ProbeIsOver):
        train_on_equal_data(job["model"], step_begun=step_begun, **arguments_of(folder, job))
        times.append(time.monotonic())  # it is over before as many steps
    steps = [after - before for before, after in pairwise(times)]
    write_json(folder / PROGRESS, {"step": statistics.median(steps[1:] or steps or [0.0]), "steps": steps_an_epoch})


def arguments_of(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``YOLO.train`` for a job."""
    return {
        "data": job["data"],
        "seed": job["seed"],
        "pretrained": job["weights"] or str(job["model"]).endswith(".pt"),
        "project": str(folder.absolute()),
        "name": "train",
        "exist_ok": True,
        "plots": False,
        **job["training"],
    }


if __name__ == "__main__":
    end_with_parent()
    run(Path(sys.argv[1]))
