# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo's training: a detector from scratch, in little time on a CPU."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yolo_fine.utils.files import write_text

BOX_PRIOR = 2  # strides to each side


def train(
    data: Path, out: Path, *, model: str, width: float, epochs: int, batch: int, imgsz: int, lr: float, seed: int,
    tell: Callable[[str], None],
) -> tuple[Any, Path]:  # fmt: skip
    """Train from scratch.

    Made for a minute or two: almost no augmentation, half an epoch of warm-up, validation at the end only, and box
    branches that start with boxes of the objects' size (``box_prior``).

    Args:
        data: Dataset YAML.
        out: Folder for Ultralytics' run (``train``) and the weights (``best.pt``).
        model: Model YAML.
        width: Share of its channels that stay.
        epochs: Passes over the training images.
        batch: Images per step.
        imgsz: Side of the network's input in pixels.
        lr: Learning rate of AdamW.
        seed: Seed.
        tell: Is told how far it is after every epoch.

    Returns:
        Ultralytics' metrics of the best epoch's weights on the val images, and these weights.
    """
    threads = int(os.environ.get("OMP_NUM_THREADS") or min(8, os.cpu_count() or 1))  # before Ultralytics sets it to 1
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # threads that wait for a busy core spin for microseconds only
    import torch
    from ultralytics import YOLO

    from yolo_fine.integration.models import run_of

    def after_epoch(trainer: Any) -> None:
        tell(f"epoch {trainer.epoch + 1} of {epochs}")

    shutil.rmtree(out / "train", ignore_errors=True)
    detector = YOLO(str(write_model(model, width, out)), task="detect")
    detector.add_callback("on_train_start", lambda trainer: torch.set_num_threads(threads))
    detector.add_callback("on_fit_epoch_end", after_epoch)
    metrics = detector.train(
        data=str(data.resolve()), project=str(out.resolve()), name="train", exist_ok=True,
        epochs=epochs, batch=batch, imgsz=imgsz, seed=seed,
        pretrained=False, optimizer="AdamW", lr0=lr, nbs=batch, warmup_epochs=0.5,
        mosaic=0.0, close_mosaic=0, scale=0.2, translate=0.05, erasing=0.0, hsv_h=0.0, hsv_s=0.0, hsv_v=0.0,
        val=False, amp=False, workers=0, cache="ram", plots=False, verbose=False, device="cpu",
    )  # fmt: skip
    weights = out / "best.pt"
    shutil.copyfile(run_of(detector).best, weights)
    return metrics, weights


def write_model(model: str, width: float, out: Path) -> Path:
    """A copy of a model YAML for a short training from scratch.

    Args:
        model: Its name.
        width: Share of its channels that stay, at every scale.
        out: Folder for the copy.

    Returns:
        The copy: its box branches start with boxes that reach two strides to each side (``box_prior``).
    """
    from yolo_fine.integration.box_prior import KEY
    from yolo_fine.integration.model_files import locate_model_file

    text = locate_model_file(model).read_text(encoding="utf-8")
    scale = re.compile(r"^(\s+[nsmlx]: *\[[\d.]+, *)([\d.]+)(?=, *\d+\])", re.MULTILINE)
    text = scale.sub(lambda found: f"{found[1]}{float(found[2]) * width:g}", text)
    file = out / f"{Path(model).stem}-demo.yaml"
    write_text(file, text if f"\n{KEY}:" in text else f"{text.rstrip()}\n\n{KEY}: {BOX_PRIOR}\n")
    return file
