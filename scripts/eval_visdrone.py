# SPDX-License-Identifier: AGPL-3.0-or-later
"""Both scores on VisDrone, for whole images and for slices: ``python scripts/eval_visdrone.py weights=best.pt``.

A recipe to copy and edit: ``yolo-fine eval`` does the same from the command line.
"""

from __future__ import annotations

from pathlib import Path

import yolo_fine
from yolo_fine.recipes import run_script


def evaluate(
    *,
    weights: str = "best.pt",
    folder: Path = Path("VisDrone2019-DET-val"),
    imgsz: int = 640,
    slice: int = 640,
    overlap: float = 0.2,
    device: str | int | None = None,
    out: Path | None = None,
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
        out: Write the HTML report and the detections of slices into this folder, in the official format too.
        json: Write the metrics to this file.
    """
    sliced = yolo_fine.evaluate(
        model=weights, annotations=folder / "annotations", images=folder / "images", imgsz=imgsz, slice=slice,
        overlap=overlap, whole=True, device=device, resamples=1000 if out else 0, out=out, json=json,
    )  # fmt: skip
    print("                       VisDrone: AP    AP50   AR500      COCO: AP   AP_small       ms/image")
    for title, result in (("whole", sliced.whole), (f"slices of {slice}", sliced)):
        official, coco = result.visdrone, result.coco  # percent; fractions
        print(
            f"{title:<22} {official['AP']:9.2f} {official['AP50']:7.2f} {official['AR500']:7.2f} "
            f"{100 * coco['AP']:13.2f} {100 * coco['AP_small']:10.2f} {result.speed['total']:16.0f}"
        )


if __name__ == "__main__":
    run_script(
        evaluate,
        (
            "python scripts/eval_visdrone.py best.pt VisDrone2019-DET-val",
            "python scripts/eval_visdrone.py weights=best.pt imgsz=960 slice=640 json=scores.json",
        ),
        bare="weights folder",
    )
