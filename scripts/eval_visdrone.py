# SPDX-License-Identifier: AGPL-3.0-or-later
"""Both scores on VisDrone, for whole images and for slices: ``python scripts/eval_visdrone.py weights=best.pt``.

A recipe to copy and edit: every step is one call. ``yolo-fine eval`` does the same with intervals and a report.
"""

from __future__ import annotations

from pathlib import Path

from yolo_fine.cli.recipes import run_script
from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.predict.detector import open_detector
from yolo_fine.evaluation.predict.sliced import predict_sliced
from yolo_fine.evaluation.predict.whole import predict_whole
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.evaluation.visdrone.score import evaluate_visdrone
from yolo_fine.formats.visdrone_files import read_annotations, write_detections
from yolo_fine.utils.console import show
from yolo_fine.utils.files import write_json
from yolo_fine.utils.tables import Table


def evaluate(
    *,
    weights: str = "best.pt",
    folder: Path = Path("VisDrone2019-DET-val"),
    imgsz: int = 640,
    slice: int = 640,
    overlap: float = 0.2,
    device: str | int | None = None,
    detections: Path | None = None,
    json: Path | None = None,
) -> None:
    """Print COCO and VisDrone metrics for whole images and for slices.

    Args:
        weights: The checkpoint.
        folder: A VisDrone split with ``images`` and ``annotations``, as downloaded.
        imgsz: Longer side of the network's input.
        slice: Side of a slice in pixels.
        overlap: Share of a slice that the next one covers again.
        device: As in Ultralytics: ``cpu``, ``0``.
        detections: Write the whole-image detections into this folder, in the official format.
        json: Write the metrics to this file.
    """
    truth = read_annotations(folder / "annotations", images=folder / "images")
    model = open_detector(weights)
    settings = {"conf": 0.001, "iou": 0.7, "max_det": 500, "device": device}
    predictions = {
        "whole": predict_whole(model, truth, imgsz=imgsz, **settings),
        f"slices of {slice}": predict_sliced(model, truth, slice_size=slice, overlap=overlap, imgsz=imgsz, **settings),
    }

    results, rows = {}, []
    for title, found in predictions.items():
        official = evaluate_visdrone(truth, found.detections).metrics  # percent
        coco = evaluate_coco(truth, found.detections, parse_sizes("coco"), max_det=500).metrics  # fractions
        results[title] = {"visdrone": official, "coco": coco, "speed": found.speed}
        rows.append(
            {
                f"{len(truth.names)} images": title,
                **{f"VisDrone {key}": f"{official[key]:.2f}" for key in ("AP", "AP50", "AR500")},
                **{f"COCO {key}": f"{100 * coco[key]:.2f}" for key in ("AP", "AP_small")},
                "ms/image": f"{found.speed['total']:.0f}",
            }
        )
    show(Table(rows))
    if detections is not None:
        write_detections(detections, truth, predictions["whole"].detections)
    if json is not None:
        write_json(json, results)


if __name__ == "__main__":
    run_script(
        evaluate,
        (
            "python scripts/eval_visdrone.py best.pt VisDrone2019-DET-val",
            "python scripts/eval_visdrone.py weights=best.pt imgsz=960 slice=640 json=scores.json",
        ),
        bare="weights folder",
    )
