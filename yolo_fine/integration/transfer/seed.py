# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine seed``: a checkpoint of a new model YAML that holds the tensors of a pretrained one.

Plain ``yolo train model=that.pt`` starts from it, also where the start-up file of this package is off.
"""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.box_prior import LARGEST_MEAN
from yolo_fine.integration.checkpoints import checkpoint_of, nearest_weights, official_file
from yolo_fine.integration.model_files import nearest_model
from yolo_fine.integration.models import is_loaded, open_model, read_weights, yaml_name
from yolo_fine.integration.parsing.parser import collected_doubts
from yolo_fine.integration.transfer.raw_outputs import largest_difference
from yolo_fine.integration.transfer.transfer_report import TransferReport
from yolo_fine.integration.transfer.weights import transfer
from yolo_fine.utils.calls import public
from yolo_fine.utils.files import write_bytes
from yolo_fine.utils.paths import ModelSource, StrPath
from yolo_fine.utils.results import Result
from yolo_fine.utils.tables import Table


@dataclass(frozen=True, repr=False)
class SeedResult(Result):
    """What was written.

    Attributes:
        model: The model YAML.
        weights: The pretrained checkpoint.
        out: The checkpoint that was written.
        report: What was carried over.
        max_abs_diff: Largest difference between the raw outputs of the new model and of the pretrained one; None where
            no output of theirs has one shape.
        doubts: Rows of the model that were hardly meant as they are written.
    """

    model: str
    weights: str
    out: Path
    report: TransferReport
    max_abs_diff: float | None
    doubts: tuple[str, ...] = ()

    def show(self) -> list[str | Table]:
        """What arrived and what did not, and where it was written."""
        return [self.report.line, *(f"  {line}" for line in self.report.details()), *self._rest()]

    def summary(self) -> str:
        """What arrived, and where it was written."""
        return "\n".join([self.report.line, *self._rest()])

    def to_dict(self) -> dict[str, Any]:
        """Names, report and difference, as plain values."""
        names = {"model": self.model, "weights": self.weights, "out": str(self.out)}
        found = {"max_abs_diff": self.max_abs_diff, "doubts": list(self.doubts)}
        return {**names, **self.report.to_dict(), **found}

    def table(self) -> list[dict[str, Any]]:
        """The tensors that did not arrive."""
        return self.report.table()

    def _rest(self) -> list[str]:
        gap = "no outputs of one shape" if self.max_abs_diff is None else f"{self.max_abs_diff:g}"
        warning = [f"WARNING: {self.report.warning}"] if self.report.warning else []
        doubts = [f"WARNING: {doubt}" for doubt in self.doubts]
        return [*warning, f"largest difference of raw outputs: {gap}", *doubts, f"written: {self.out}"]


@public
def seed(
    model: ModelSource,
    weights: ModelSource,
    out: StrPath | None = None,
    *,
    box_prior: float | None = None,
    json: StrPath | None = None,
) -> SeedResult:
    """Build a model YAML, fill it with the tensors of a checkpoint and write it as a checkpoint.

    The layers are paired as in training with ``pretrained=``. New layers are initialised with one seed, so the same
    command writes the same tensors.

    Args:
        model: Model YAML: a file, or a bare name as ``yolo26n-fine.yaml``. A ``YOLO`` that was built from one is
            copied, and its new layers keep the values that they have.
        weights: Pretrained checkpoint, as ``yolo26n.pt``, or a ``YOLO`` that holds it.
        out: File to write; by default ``yolo26n-fine-seed.pt`` in the working folder.
        box_prior: How many strides the boxes of new box branches reach to each side when training begins; 0 leaves the
            branches as they are. By default what the YAML says, else 2.
        json: Write the report to this file too.

    Raises:
        MissingFileError: The YAML or the weights are not here.
        CheckpointError: The weights file is damaged or no checkpoint.
        ArgumentError: An argument can't be used, or both are models for different tasks.
    """
    if box_prior is not None and not 0 <= box_prior <= LARGEST_MEAN:
        raise ArgumentError(f"box_prior={box_prior:g} must be 0 (off) to {LARGEST_MEAN:g} strides")
    name = yaml_name(model)
    file = _check(name, weights, None if out is None else Path(out))
    source = read_weights(weights)
    with collected_doubts() as doubts:
        target = build_model(model)
    names = {"model": name, "weights": str(weights) if isinstance(weights, (str, os.PathLike)) else "the weights given"}
    if source.task != target.task:
        raise ArgumentError(
            f"model={name} is a {target.task} model, weights={names['weights']} are of a {source.task} model; "
            "name weights of the same task"
        )
    report = transfer(target, source, verbose=False, box_prior=box_prior)
    difference = largest_difference(target, source)
    result = SeedResult(**names, out=file, report=report, max_abs_diff=difference, doubts=tuple(doubts))
    write_bytes(file, checkpoint_of(target))
    if json is not None:
        result.to_json(json)
    return result


def _check(model: str, weights: ModelSource, out: Path | None) -> Path:
    """Refuse what can't work before anything is read; returns the file to write."""
    if not model.endswith((".yaml", ".yml")):
        near = nearest_model(f"{model}.yaml") or "; name one, as model=yolo26n-fine.yaml"
        raise ArgumentError(f"model={model} is no model YAML{near}")
    out = out or Path(f"{Path(model).stem}-seed.pt")
    if out.suffix != ".pt" or out.is_dir():
        raise ArgumentError(f"out={out}: name a file that ends in .pt")
    if isinstance(weights, (str, os.PathLike)):
        file = Path(official_file(os.fspath(weights)))
        if file.suffix != ".pt":
            near = nearest_weights(file) or "; name one, as weights=yolo26n.pt"
            raise ArgumentError(f"weights={weights} is no checkpoint{near}")
        if out.exists() and file.exists() and out.samefile(file):
            raise ArgumentError(f"out={out} is the weights file itself; name another one")
    return out


def build_model(model: ModelSource) -> Any:
    """The network of a YAML in eval mode, its own layers initialised with a fixed seed; of a ``YOLO``, a copy."""
    import torch

    if is_loaded(model):
        return copy.deepcopy(open_model(model).model).float().eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return open_model(model).model.eval()
