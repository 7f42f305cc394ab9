# SPDX-License-Identifier: AGPL-3.0-or-later
"""Time of sliced prediction beside prediction on whole images, seconds an image.

    python benchmarks/slicing.py model=best.pt source=FOLDER [imgsz=640] [slices=640,320] [threads=1] [rounds=3]

Processor time of this process, which other programs disturb little, with reading, without writing. Whole images
and slices take turns; the table gives the median round, the passes of the network an image, and the ratio.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import torch
from ultralytics import YOLO

import yolo_fine
from yolo_fine.data.slice.layout import lay_out
from yolo_fine.utils.tables import Table


def seconds(model: YOLO, source: str, imgsz: int, size: int | None) -> float:
    """Processor seconds an image."""
    started = time.process_time()
    found = yolo_fine.predict(model, source, slice=size, imgsz=imgsz, device="cpu")
    return (time.process_time() - started) / len(found.images)


def passes(source: str, model: YOLO, size: int | None) -> float:
    """Passes of the network an image: slices, and the whole image where there are several."""
    if size is None:
        return 1.0
    sizes = [one.size for one in yolo_fine.predict(model, source, imgsz=32, device="cpu").images]
    counts = [len(lay_out(*image, size, 0.2)) for image in sizes]
    return statistics.mean(count + (count > 1) for count in counts)


def main() -> None:
    """Read the words, measure, print."""
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    torch.set_num_threads(int(given.get("threads", 1)))
    model, source, imgsz = YOLO(given["model"]), given["source"], int(given.get("imgsz", 640))
    ways = [None, *map(int, given.get("slices", "640,320").split(","))]
    times: dict[int | None, list[float]] = {way: [] for way in ways}
    for _ in range(int(given.get("rounds", 3))):
        for way in ways:
            times[way].append(seconds(model, source, imgsz, way))
    whole = statistics.median(times[None])
    rows = [
        {
            "model": Path(given["model"]).stem,
            "images": "whole" if way is None else f"slice={way}",
            "passes an image": f"{passes(source, model, way):.1f}",
            "seconds an image": f"{statistics.median(times[way]):.2f}",
            "ratio": f"{statistics.median(times[way]) / whole:.1f}",
        }
        for way in ways
    ]
    print(Table(rows).to_markdown(), flush=True)


if __name__ == "__main__":
    main()
