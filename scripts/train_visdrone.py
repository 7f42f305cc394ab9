# SPDX-License-Identifier: AGPL-3.0-or-later
"""Train and validate on VisDrone2019-DET: ``python scripts/train_visdrone.py [key=value ...]``.

A recipe to copy and edit: for a setting that is not among the arguments of :func:`train`, add it to the ``.train()``
call below. The defaults are those of published VisDrone runs, so that results stand beside them (docs/visdrone.md).
Returns 0, or 2 when something is missing or mistyped; no run folder is made before everything has been checked.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import ultralytics
from ultralytics import YOLO, settings
from ultralytics.utils.torch_utils import select_device

import yolo_fine
from yolo_fine.cli import call
from yolo_fine.data.check import check_labels
from yolo_fine.errors import ArgumentError, DataError, MissingFileError, YoloFineError
from yolo_fine.integration.inputs import is_users_mistake
from yolo_fine.results import write_json

MAX_DET = 500  # the official VisDrone protocol counts 500 detections a picture; Ultralytics' default is 300
HOW_TO_GET = (
    "online, VisDrone.yaml downloads itself (about 2 GB); offline, put images/train, images/val, labels/train and "
    "labels/val into {folder}, or choose another parent folder with 'yolo settings datasets_dir=DIR'"
)


def train(
    *,
    model: str = "yolo11n-fine.yaml",
    data: str = "VisDrone.yaml",
    weights: str = "auto",  # published runs start from COCO weights
    epochs: int = 100,  # with batch 8, imgsz 640 and seed 42: github.com/Jeremy0508-art/yolo-visdrone-project,
    imgsz: int = 640,  # paper/tables/main_results.csv (YOLO11n and YOLOv8n on VisDrone val)
    batch: int = 8,
    seed: int = 42,
    device: int | str | list[int] | None = None,
    workers: int = 8,
    plots: bool = True,
    project: str | None = None,
    name: str | None = None,
    json: str | None = None,
) -> None:
    """Train, validate ``best.pt`` and say where it is.

    Args:
        model: Model YAML, or a ``.pt`` to go on from.
        data: Dataset YAML.
        weights: Checkpoint to start from; ``auto`` = the COCO weights of the model's family and scale
            (``yolo11n-fine.yaml`` -> ``yolo11n.pt``); ``none`` = from scratch.
        epochs: Epochs to train.
        imgsz: Longer side of the pictures.
        batch: Pictures in a batch; -1 lets Ultralytics fill the GPU.
        seed: Random seed.
        device: As in Ultralytics: ``cpu``, ``0``, ``0,1``.
        workers: Data loading processes.
        plots: Draw curves, matrices and sample pictures.
        project: Folder of runs.
        name: Name of this run.
        json: Write a summary to this file.
    """
    if epochs < 1 or imgsz < 32 or seed < 0 or not (batch >= 1 or batch == -1):
        raise ArgumentError("epochs and batch must be at least 1, imgsz at least 32, seed at least 0")
    if json and Path(json).is_dir():
        raise ArgumentError(f"json={json} is a folder; name a file")
    try:
        select_device(device, verbose=False)
    except ValueError as error:
        raise ArgumentError(f"device={device} is not available here; device=cpu always is") from error

    detector = YOLO(model)
    start = coco_weights(model) if weights == "auto" else None if weights.lower() == "none" else weights
    try:
        if start:
            YOLO(start)  # downloaded and read now: a mistake must not wait for the data
    except OSError as error:
        raise MissingFileError(f"weights={start}: {error}; name a .pt file that is here, or weights=none") from error
    try:
        check_labels(data)
    except DataError as error:
        hint = HOW_TO_GET.format(folder=Path(settings["datasets_dir"]) / "VisDrone")
        raise DataError(f"{error}; {hint}" if data == "VisDrone.yaml" else str(error)) from error

    common = {"data": data, "imgsz": imgsz, "batch": batch, "device": device, "workers": workers, "max_det": MAX_DET}
    names = {"project": project, "name": name, "plots": plots}
    detector.train(pretrained=start or model.endswith(".pt"), epochs=epochs, seed=seed, **common, **names)

    best = Path(detector.trainer.best)
    common["batch"] = detector.trainer.batch_size
    metrics = YOLO(best).val(**common, project=str(detector.trainer.save_dir), name="val", plots=plots)
    print(f"mAP50-95 {metrics.box.map:.4f}  mAP50 {metrics.box.map50:.4f}  (Ultralytics' evaluator, max_det {MAX_DET})")
    print(f"best weights: {best}")
    if json:
        settings_used = {"model": model, "weights": start, "epochs": epochs, "seed": seed, **common}
        versions = {"yolo_fine": yolo_fine.__version__, "ultralytics": ultralytics.__version__}
        results = {key: float(value) for key, value in metrics.results_dict.items()}
        write_json(Path(json), {"best": str(best), "metrics": results, "settings": settings_used, "versions": versions})


def coco_weights(model: str) -> str | None:
    """``yolo11n-fine.yaml`` -> ``yolo11n.pt``; nothing for a model that is a checkpoint itself."""
    if model.endswith(".pt"):
        return None
    family = re.match(r"yolov?\d+[nslmx]", Path(model).name)
    if not family:
        raise ArgumentError(f"weights=auto: '{model}' names no family and scale; say weights=FILE.pt or weights=none")
    return f"{family.group()}.pt"


if __name__ == "__main__":
    try:
        call(train, sys.argv[1:])
    except Exception as error:
        if not isinstance(error, YoloFineError) and not is_users_mistake(error):
            raise
        print("train_visdrone:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 2))
