# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine seed``: a checkpoint of a new model YAML that holds the tensors of a pretrained one.

Plain ``yolo train model=that.pt`` starts from it, also where the start-up file of this package is off.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.checkpoints import read_weights
from yolo_fine.integration.model_files import read_model_file
from yolo_fine.integration.transfer.raw_outputs import largest_difference
from yolo_fine.integration.transfer.transfer_report import TransferReport
from yolo_fine.integration.transfer.weights import transfer
from yolo_fine.utils.files import write_json


@dataclass(frozen=True)
class SeedResult:
    """What was written.

    Attributes:
        out: The checkpoint.
        report: What was carried over.
        max_abs_diff: Largest difference between the raw outputs of the new model and of the pretrained one; None where
            no output of theirs has one shape.
    """

    out: Path
    report: TransferReport
    max_abs_diff: float | None


def seed(model: str, weights: str, out: Path | None = None, json: Path | None = None) -> SeedResult:
    """Build a model YAML, fill it with the tensors of a checkpoint and write it as a checkpoint; prints what arrived.

    The layers are paired as in training with ``pretrained=``. New layers are initialised with one seed, so the same
    command writes the same tensors.

    Args:
        model: Model YAML: a file, or a bare name as ``yolo26n-fine.yaml``.
        weights: Pretrained checkpoint, as ``yolo26n.pt``.
        out: File to write; by default ``yolo26n-fine-seed.pt`` in the working folder.
        json: Write the report to this file too.

    Raises:
        MissingFileError: The YAML or the weights are not here.
        CheckpointError: The weights file is damaged or no checkpoint.
        ArgumentError: An argument can't be used, or both are models for different tasks.
    """
    out = _check(model, weights, out, json)
    source = read_weights(weights)
    target = build_model(model)
    if source.task != target.task:
        raise ArgumentError(
            f"model={model} is a {target.task} model, weights={weights} are of a {source.task} model; "
            "name weights of the same task"
        )
    report = transfer(target, source, verbose=False)
    difference = largest_difference(target, source)
    _write(target, out)

    print("\n".join([report.line, *(f"  {line}" for line in report.details())]))
    if report.warning:
        print(f"WARNING: {report.warning}")
    print(
        f"largest difference of raw outputs: {'no outputs of one shape' if difference is None else f'{difference:g}'}"
    )
    print(f"written: {out}")
    if json:
        names = {"model": model, "weights": weights, "out": str(out)}
        write_json(json, {**names, **report.as_dict(), "max_abs_diff": difference})
    return SeedResult(out, report, difference)


def _check(model: str, weights: str, out: Path | None, json: Path | None) -> Path:
    """Refuse what can't work before anything is read; returns the file to write."""
    if not model.endswith((".yaml", ".yml")):
        raise ArgumentError(f"model={model} is no model YAML; name one, as model=yolo26n-fine.yaml")
    if not weights.endswith(".pt"):
        raise ArgumentError(f"weights={weights} is no checkpoint; name one, as weights=yolo26n.pt")
    out = out or Path(f"{Path(model).stem}-seed.pt")
    if out.suffix != ".pt" or out.is_dir():
        raise ArgumentError(f"out={out}: name a file that ends in .pt")
    if out.exists() and Path(weights).exists() and out.samefile(weights):
        raise ArgumentError(f"out={out} is the weights file itself; name another one")
    if json and json.is_dir():
        raise ArgumentError(f"json={json} is a folder; name a file")
    return out


def build_model(model: str) -> Any:
    """The model of a YAML in eval mode, its own layers initialised with a fixed seed."""
    import torch
    from ultralytics import RTDETR, YOLO

    _, rows = read_model_file(model)
    is_rtdetr = "RTDETRDecoder" in str((rows.get("head") or [None])[-1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = RTDETR(model) if is_rtdetr else YOLO(model)
    return built.model.eval()


def _write(model: Any, out: Path) -> None:
    """Write a checkpoint as Ultralytics does, through a temporary file beside ``out``."""
    import torch
    from ultralytics import __version__

    checkpoint = {
        "epoch": -1,
        "best_fitness": None,
        "model": model,
        "ema": None,
        "updates": None,
        "optimizer": None,
        "train_args": {"task": model.task},
        "date": datetime.now().isoformat(),
        "version": __version__,
        "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "docs": "https://docs.ultralytics.com",
    }
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.save(checkpoint, temporary)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # torch says RuntimeError where a disk is full
        raise ArgumentError(f"{out} can't be written: {error}") from error
