# SPDX-License-Identifier: AGPL-3.0-or-later
"""Train and validate on COCO 2017: ``python scripts/train_coco.py [key=value ...]``.

A recipe to copy and edit: a setting that is not among the arguments goes into ``settings`` below. The defaults are the
length and image size of the FINE authors' YOLO runs on COCO.
Returns 0, or 2 when something is missing or mistyped; no run folder is made before everything has been checked.
"""

from __future__ import annotations

from pathlib import Path

from ultralytics import settings as ultralytics_settings

from yolo_fine.recipes import run_script, train_and_validate

HOW_TO_GET = (
    "online, coco.yaml downloads itself (about 20 GB); offline, put images/train2017, images/val2017, "
    "labels/train2017, labels/val2017, train2017.txt and val2017.txt into {folder}, or choose another parent folder "
    "with 'yolo settings datasets_dir=DIR'"
)


def train(
    *,
    model: str = "yolo11n-fine.yaml",
    data: str = "coco.yaml",
    weights: str = "none",  # COCO weights have seen these images already, which no comparison of blocks can undo
    epochs: int = 500,  # YOLOv8s and YOLOv10s with FINE: logs in github.com/HyungseopLee/FINE-FPN, runs/detect/coco
    imgsz: int = 640,
    batch: int = 16,  # Ultralytics' defaults, for batch and seed
    seed: int = 0,
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
        imgsz: Longer side of the images.
        batch: Images in a batch; -1 lets Ultralytics fill the GPU.
        seed: Random seed.
        device: As in Ultralytics: ``cpu``, ``0``, ``0,1``.
        workers: Data loading processes.
        plots: Draw curves, matrices and sample images.
        project: Folder of runs.
        name: Name of this run.
        json: Write a summary to this file.
    """
    common = {"data": data, "imgsz": imgsz, "batch": batch, "device": device, "workers": workers}
    settings = {"epochs": epochs, "seed": seed, "project": project, "name": name, "plots": plots}
    hint = HOW_TO_GET.format(folder=Path(ultralytics_settings["datasets_dir"]) / "coco") if data == "coco.yaml" else ""
    train_and_validate(model, weights, common=common, train=settings, how_to_get=hint, json=json)


if __name__ == "__main__":
    run_script(
        train,
        (
            "python scripts/train_coco.py yolo11n-fine.yaml",
            "python scripts/train_coco.py model=yolo11n-fine.yaml epochs=100 device=0",
        ),
        bare="model data",
    )
