# SPDX-License-Identifier: AGPL-3.0-or-later
"""A training whose data depend on its seed alone, watched from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_fine.integration.equal_data import equal_data_trainer
from yolo_fine.integration.models import open_model
from yolo_fine.utils.paths import ModelSource


@dataclass(frozen=True)
class Trained:
    """What became of a training.

    Attributes:
        last: Checkpoint of the last epoch.
        batch: Images in a batch: Ultralytics chooses it where it is asked to, and halves it where memory runs out.
        imgsz: Side of the input, which is rounded up to the model's largest stride.
        epochs: Epochs that were trained.
        data_hash: SHA-256 of all images and labels that the training has seen, in their order.
    """

    last: Path
    batch: int
    imgsz: int
    epochs: int
    data_hash: str


def train_on_equal_data(
    model: ModelSource,
    *,
    epoch_done: Callable[[int, int], None] | None = None,
    step_begun: Callable[[int], None] | None = None,
    **arguments: Any,
) -> Trained:
    """Train a model on batches that other models see too, if they are trained with the same seed.

    Args:
        model: A model YAML, a checkpoint or a ``YOLO``.
        epoch_done: Is called with the numbers of finished and of all epochs.
        step_begun: Is called before each step with the number of steps in an epoch; it may end the training by raising.
        arguments: Of ``YOLO.train``.
    """
    detector = open_model(model)
    if epoch_done is not None:
        detector.add_callback("on_fit_epoch_end", lambda trainer: epoch_done(epochs_of(trainer), trainer.epochs))
    if step_begun is not None:
        detector.add_callback("on_train_batch_start", lambda trainer: step_begun(len(trainer.train_loader)))
    detector.train(trainer=equal_data_trainer(detector.task_map[detector.task]["trainer"]), **arguments)
    trainer: Any = detector.trainer
    return Trained(
        Path(trainer.last),
        int(trainer.batch_size),
        int(trainer.args.imgsz),
        epochs_of(trainer),
        trainer.data_hash.hexdigest(),
    )


def epochs_of(trainer: Any) -> int:
    """Epochs that a trainer has finished; Ultralytics counts the evaluation at its end as one more."""
    return int(min(trainer.epoch + 1, trainer.epochs))


def weights_hash(checkpoint: Path) -> str:
    """SHA-256 of the names and values of a checkpoint's tensors."""
    digest = hashlib.sha256()
    for name, tensor in open_model(checkpoint).model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.float().cpu().numpy().tobytes())
    return digest.hexdigest()
