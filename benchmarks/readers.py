# SPDX-License-Identifier: AGPL-3.0-or-later
"""Time and memory of reading annotations, detections and datasets.

``python benchmarks/readers.py [visdrone] [coco] [check]`` makes inputs in a temporary folder, runs each command in a
fresh process, and prints seconds (wall and processor) and the largest memory. ``PYTHONPATH=OTHER_CHECKOUT`` measures
another version of the package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 1360, 765  # of a VisDrone image
COMMAND = "import sys, yolo_fine.cli; sys.exit(yolo_fine.cli.main(sys.argv[1:]))"


def main(names: list[str]) -> None:
    """Measure the named cases, or all."""
    print(f"{'case':<10}{'command':<62}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}")
    for name in names or CASES:
        with tempfile.TemporaryDirectory(prefix="readers-") as folder:
            words = CASES[name](Path(folder))
            wall, cpu, peak = measure(words, Path(folder))
        shown = " ".join(words).replace(f"{folder}/", "")
        print(f"{name:<10}{shown:<62}{wall:>9.1f}{cpu:>9.1f}{peak:>9.0f}", flush=True)


def measure(words: list[str], folder: Path) -> tuple[float, float, float]:
    """Run ``yolo-fine`` with these words; wall seconds, processor seconds, and largest resident memory in MB.

    Raises:
        RuntimeError: The command failed.
    """
    log = folder / "log.txt"
    started = time.perf_counter()
    with log.open("w") as output:  # in another folder than this one, where Python would look for the package first
        process = subprocess.Popen([sys.executable, "-c", COMMAND, *words], stdout=output, stderr=output, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise RuntimeError(log.read_text()[-2000:])
    scale = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there, else in kilobytes
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale


def visdrone(folder: Path, images: int = 20_000, rows: int = 50) -> list[str]:
    """VisDrone text files: as many annotations as detections."""
    random = np.random.default_rng(0)
    for kind in ("annotations", "detections"):
        (folder / kind).mkdir()
    for index in range(images):
        boxes, category = draw_boxes(random, rows), random.integers(1, 11, rows)
        noise = boxes + random.integers(-2, 3, boxes.shape) * [1, 1, 0, 0]
        score = np.sort(random.random(rows))[::-1]
        kept = "".join(f"{x},{y},{w},{h},1,{c},0,0\r\n" for (x, y, w, h), c in zip(boxes, category, strict=True))
        found = "".join(
            f"{x}.25,{y}.5,{w}.75,{h},{s:.4f},{c},-1,-1\n"
            for (x, y, w, h), c, s in zip(noise, category, score, strict=True)
        )
        (folder / "annotations" / f"{index:06d}.txt").write_text(kept, newline="")
        (folder / "detections" / f"{index:06d}.txt").write_text(found)
    (folder / "sizes.txt").write_text("".join(f"{index:06d} {WIDTH} {HEIGHT}\n" for index in range(images)))
    words = [f"annotations={folder}/annotations", f"detections={folder}/detections", f"sizes_file={folder}/sizes.txt"]
    return ["eval", *words, "resamples=0", f"out={folder}/out"]


def coco(folder: Path, images: int = 5_000, objects: int = 20, detections: int = 100) -> list[str]:
    """COCO's JSON files, the annotations with a polygon each."""
    random = np.random.default_rng(0)
    annotations, results = [], []
    for image in range(images):
        boxes, category = draw_boxes(random, detections), random.integers(1, 11, detections)
        for box, number in zip(boxes[:objects].tolist(), category.tolist(), strict=False):
            x, y, w, h = box
            polygon = [x, y, x + w, y, x + w, y + h / 2, x + w, y + h, x, y + h]
            entry = {"id": len(annotations) + 1, "image_id": image, "category_id": number, "bbox": box}
            annotations.append({**entry, "area": 0.8 * w * h, "iscrowd": 0, "segmentation": [polygon]})
        noise = boxes + random.normal(0, 1, boxes.shape) * [1, 1, 0, 0]
        for box, number, score in zip(noise.tolist(), category.tolist(), random.random(detections), strict=True):
            results.append({"image_id": image, "category_id": number, "bbox": box, "score": float(score)})
    sizes = [{"id": i, "file_name": f"{i:06d}.jpg", "width": WIDTH, "height": HEIGHT} for i in range(images)]
    categories = [{"id": number, "name": f"class {number}"} for number in range(1, 11)]
    content = {"images": sizes, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content))
    (folder / "results.json").write_text(json.dumps(results))
    words = [f"annotations={folder}/instances.json", f"detections={folder}/results.json"]
    return ["eval", *words, "resamples=0", f"out={folder}/out"]


def check(folder: Path, images: int = 3_000, rows: int = 50) -> list[str]:
    """A dataset in YOLO's layout."""
    random = np.random.default_rng(0)
    for index in range(images):
        split = "val" if index % 4 == 0 else "train"
        image, label = (folder / kind / split / f"{index:06d}" for kind in ("images", "labels"))
        for file in (image, label):
            file.parent.mkdir(parents=True, exist_ok=True)
        small = random.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        pixels = cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(image.with_suffix(".jpg")), pixels)
        numbers = np.column_stack([random.uniform(0.1, 0.9, (rows, 2)), random.uniform(0.01, 0.1, (rows, 2))])
        lines = [f"{c} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for c, (x, y, w, h) in enumerate(numbers)]
        label.with_suffix(".txt").write_text("".join(lines))
    names = ", ".join(f"class {number}" for number in range(rows))
    (folder / "data.yaml").write_text(f"path: {folder}\ntrain: images/train\nval: images/val\nnames: [{names}]\n")
    return ["data", "check", f"data={folder}/data.yaml", f"out={folder}/check.png"]


def draw_boxes(random: np.random.Generator, rows: int) -> np.ndarray:
    """Small boxes: left, top, width, height in whole pixels, shape (rows, 4)."""
    side = random.integers(4, 60, (rows, 2))
    return np.column_stack([random.integers(0, [WIDTH - 60, HEIGHT - 60], (rows, 2)), side])


CASES: dict[str, Callable[[Path], list[str]]] = {"visdrone": visdrone, "coco": coco, "check": check}

if __name__ == "__main__":
    main(sys.argv[1:])
