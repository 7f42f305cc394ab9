# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of an ablation, in a process of its own: ``python -m yolo_fine.ablation.run FOLDER``.

The folder holds ``job.json``, what to do. It gets ``train/`` (Ultralytics' run folder), ``progress.json`` after every
epoch, ``eval.json`` and ``boot.npz`` (the metrics under every resample of the images), and last ``result.json``: a run
whose folder has it is finished. A run that was cut has none, and is started anew: a resumed Ultralytics training is not
the unbroken one (half-precision state, other batches).

``last.pt`` is evaluated, because ``best.pt`` was chosen on the images that judge it.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from yolo_fine.utils.files import write_json

JOB, PROGRESS, RESULT, EVALUATION, BOOT = "job.json", "progress.json", "result.json", "eval.json", "boot.npz"
PROBE_STEPS = 20


class ProbeIsOver(Exception):
    """Ends a training that is only there to be timed."""


def run(folder: Path) -> None:
    """Train and evaluate as ``job.json`` says, and write ``result.json``."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    began = time.monotonic()
    trainer = train(folder, job)
    trained = time.monotonic()
    evaluation = evaluate(folder, job)
    result = {
        "model": job["name"],
        "seed": job["seed"],
        "metrics": evaluation,
        "batch": trainer.batch_size,
        "imgsz": int(trainer.args.imgsz),
        "epochs": trainer.epoch + 1,
        "data_hash": trainer.data_hash.hexdigest(),
        "weights_hash": weights_hash(trainer.last),
        "seconds": {"train": round(trained - began, 1), "eval": round(time.monotonic() - trained, 1)},
        "diverged": not all(map(is_finite, evaluation.values())),
    }
    write_json(folder / RESULT, result)


def train(folder: Path, job: dict[str, Any]) -> Any:
    """Train on data that depend on the seed alone; returns the trainer."""
    from yolo_fine.integration.equal_data import equal_data_trainer
    from yolo_fine.integration.models import open_model

    detector = open_model(job["model"])
    base = detector._smart_load("trainer")
    began = time.monotonic()

    def report(trainer: Any) -> None:
        done = trainer.epoch + 1
        write_json(folder / PROGRESS, {"epoch": done, "epochs": trainer.epochs, "seconds": time.monotonic() - began})

    detector.add_callback("on_fit_epoch_end", report)
    if job.get("probe"):
        detector.add_callback("on_train_batch_start", Probe(folder))
    detector.train(
        trainer=equal_data_trainer(base),
        data=job["data"],
        seed=job["seed"],
        pretrained=job["weights"] or str(job["model"]).endswith(".pt"),
        project=str(folder),
        name="train",
        exist_ok=True,
        plots=False,
        **job["training"],
    )
    return detector.trainer


class Probe:
    """Times the first steps of a training and ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.times = folder, [time.monotonic()]

    def __call__(self, trainer: Any) -> None:
        """Note the time; after enough steps, write their median and end the training."""
        self.times.append(time.monotonic())
        if len(self.times) > PROBE_STEPS:
            steps = sorted(after - before for before, after in zip(self.times[1:], self.times[2:], strict=False))
            write_json(self.folder / PROGRESS, {"step": steps[len(steps) // 2], "batches": len(trainer.train_loader)})
            raise ProbeIsOver


def evaluate(folder: Path, job: dict[str, Any]) -> dict[str, float | None]:
    """Evaluate ``last.pt``, keep its metrics under every resample, and return the metrics."""
    from yolo_fine.ablation.metrics import evaluate_run

    return evaluate_run(folder / "train" / "weights" / "last.pt", folder, job)


def weights_hash(checkpoint: Path) -> str:
    """SHA-256 of the tensors of a checkpoint."""
    from yolo_fine.integration.models import open_model

    digest = hashlib.sha256()
    for name, tensor in open_model(checkpoint).model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.float().cpu().numpy().tobytes())
    return digest.hexdigest()


def is_finite(value: float | None) -> bool:
    """Whether a metric is a number; an undefined one is no divergence."""
    return value is None or math.isfinite(value)


if __name__ == "__main__":
    with suppress(ProbeIsOver):
        run(Path(sys.argv[1]))
