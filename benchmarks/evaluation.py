# SPDX-License-Identifier: AGPL-3.0-or-later
"""Time and memory of an evaluation of many detections, from files to the report, in a process of its own.

``python benchmarks/evaluation.py kind=visdrone images=20000 detections=1000000``
``python benchmarks/evaluation.py kind=coco images=5000 detections=500000 [folder=DIR]``

The set is drawn from a seed: objects of 4 to 60 px, detections near four fifths of them, false alarms of low
confidence for the rest. With ``folder=`` it is kept and used again. ``PYTHONPATH=OTHER`` measures another version.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = 10
SIDE = 960  # of the square images, pixels
RUN = """
import resource, sys, time
from pathlib import Path
from yolo_fine import evaluate
annotations, detections, out = map(Path, sys.argv[1:])
started = time.perf_counter()
result = evaluate(annotations=annotations, detections=detections, out=out)
spent = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_SELF)
peak = used.ru_maxrss / (1 if sys.platform == "darwin" else 1024)
visdrone = "" if result.visdrone is None else f", VisDrone AP {result.visdrone['AP']:.4f}"
print(f"{spent:.1f} s ({used.ru_utime + used.ru_stime:.1f} s of processor), {peak:.0f} MB, "
      f"COCO AP {100 * result.coco['AP']:.4f}{visdrone}")
"""


def draw(images: int, detections: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Objects and detections: image, left, top, width, height, category, score; shape (n, 7), by image."""
    random = np.random.default_rng(seed)
    count = detections // 3
    side = np.exp(random.uniform(np.log(4), np.log(60), (count, 2)))
    corner = random.uniform(0, SIDE - 60, (count, 2)).round()
    objects = np.column_stack(
        [
            random.integers(0, images, count),
            corner,
            side.round(),
            random.integers(1, CLASSES + 1, count),
            np.ones(count),
        ]
    )
    found = objects[random.random(count) < 0.8].copy()
    found[:, 1:5] += random.normal(0, 0.12, (len(found), 4)) * found[:, [3, 4, 3, 4]]
    found[:, 6] = random.beta(3, 2, len(found))
    wrong = np.column_stack(
        [
            random.integers(0, images, detections - len(found)),
            random.uniform(0, SIDE - 60, (detections - len(found), 2)),
            np.exp(random.uniform(np.log(4), np.log(60), (detections - len(found), 2))),
            random.integers(1, CLASSES + 1, detections - len(found)),
            random.beta(1, 6, detections - len(found)),
        ]
    )
    boxes = np.concatenate([found, wrong])
    boxes[:, 3:5] = np.maximum(boxes[:, 3:5], 1)
    boxes = boxes[np.lexsort((-boxes[:, 6], boxes[:, 0]))]
    return objects[np.argsort(objects[:, 0], kind="stable")], boxes


def write_visdrone(folder: Path, images: int, objects: np.ndarray, boxes: np.ndarray) -> tuple[Path, Path]:
    """A folder of annotations, with an ignored region in every fifth image, and one of results."""
    sizes = "".join(f"{image:06d} {SIDE} {SIDE}\n" for image in range(images))
    for name, rows, end in (("annotations", objects, "0,0"), ("results", boxes, "-1,-1")):
        (folder / name).mkdir(parents=True)
        edges = np.searchsorted(rows[:, 0], np.arange(images + 1))
        for image in range(images):
            lines = []
            for _, *box, category, score in rows[edges[image] : edges[image + 1]].tolist():
                numbers = ",".join(f"{value:.2f}".rstrip("0").rstrip(".") for value in box)
                lines.append(f"{numbers},{score:.6g},{category:.0f},{end}\n")
            if name == "annotations" and image % 5 == 0:
                lines.append("100,100,200,150,0,0,0,0\n")
            (folder / name / f"{image:06d}.txt").write_text("".join(lines))
    (folder / "sizes.txt").write_text(sizes)
    return folder / "annotations", folder / "results"


def write_coco(folder: Path, images: int, objects: np.ndarray, boxes: np.ndarray) -> tuple[Path, Path]:
    """``instances.json`` and ``results.json``."""
    folder.mkdir(parents=True)
    content: dict[str, Any] = {
        "images": [{"id": i, "file_name": f"{i:06d}.jpg", "width": SIDE, "height": SIDE} for i in range(images)],
        "categories": [{"id": number, "name": f"class {number}"} for number in range(1, CLASSES + 1)],
        "annotations": [
            {"id": i, "image_id": int(row[0]), "category_id": int(row[5]), "bbox": row[1:5], "area": row[3] * row[4],
             "iscrowd": 0}
            for i, row in enumerate(objects.tolist(), 1)
        ],
    }  # fmt: skip
    results = [
        {"image_id": int(row[0]), "category_id": int(row[5]), "bbox": [round(side, 2) for side in row[1:5]],
         "score": round(row[6], 6)}
        for row in boxes.tolist()
    ]  # fmt: skip
    (folder / "instances.json").write_text(json.dumps(content))
    (folder / "results.json").write_text(json.dumps(results))
    return folder / "instances.json", folder / "results.json"


def main(words: list[str]) -> None:
    """Draw the set and evaluate it."""
    given = {"kind": "visdrone", "images": "20000", "detections": "1000000", "folder": ""}
    given |= dict(word.split("=", 1) for word in words)
    images, detections = int(given["images"]), int(given["detections"])
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(given["folder"] or temporary).resolve() / f"{given['kind']}_{images}_{detections}"
        files = ("annotations", "results") if given["kind"] == "visdrone" else ("instances.json", "results.json")
        if not place.exists():
            write = write_visdrone if given["kind"] == "visdrone" else write_coco
            write(place, images, *draw(images, detections))
        arguments = [*(str(place / file) for file in files), str(Path(temporary) / "out")]
        print(f"{given['kind']}, {images} images, {detections} detections: ", end="", flush=True)
        subprocess.run([sys.executable, "-c", RUN, *arguments], check=True, cwd=temporary)


if __name__ == "__main__":
    main(sys.argv[1:])
