# SPDX-License-Identifier: AGPL-3.0-or-later
"""Train and validate on VisDrone2019-DET: ``python scripts/train_visdrone.py [key=value ...]``.

A recipe to copy and edit: a setting that is not among the arguments goes into ``settings`` below. The defaults are
those of published VisDrone runs, so that results stand beside them (docs/visdrone.md).
Returns 0, or 2 when something is missing or mistyped; no run folder is made before everything has been checked.
"""

from __future__ import annotations

from pathlib import Path

from ultralytics import settings as ultralytics_settings

from yolo_fine.recipes import run_script, train_and_validate

MAX_DET = 500  # the official VisDrone protocol counts 500 detections an image; Ultralytics' default is 300
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
    common = {"data": data, "imgsz": imgsz, "batch": batch, "device": device, "workers": workers, "max_det": MAX_DET}
    settings = {"epochs": epochs, "seed": seed, "project": project, "name": name, "plots": plots}
    hint = (
        HOW_TO_GET.format(folder=Path(ultralytics_settings["datasets_dir"]) / "VisDrone")
        if data == "VisDrone.yaml"
        else ""
    )
    train_and_validate(model, weights, common=common, train=settings, how_to_get=hint, json=json)


if __name__ == "__main__":
    run_script(
        train,
        (
            "python scripts/train_visdrone.py yolo11n-fine.yaml",
            "python scripts/train_visdrone.py model=yolo11s-small.yaml imgsz=960 batch=4 device=0",
        ),
        bare="model data",
    )
