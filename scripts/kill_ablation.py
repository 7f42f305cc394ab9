# SPDX-License-Identifier: AGPL-3.0-or-later
"""Kill an ablation of 2 models x 2 seeds again and again, and compare its report with that of an unbroken one.

    python scripts/kill_ablation.py out=kills [kills=10] [seed=0] [weights=yolo11n.pt] [epochs=2]

The grid is trained on drawn images of 64 x 64 pixels, on the CPU. The killed one gets SIGKILL at random moments, spread
over its runs; its own runs are not killed, they have to end by themselves. Then the same command is given once more.
Prints each kill, and whether every file of the report is equal bit for bit. Ends with 1 if one is not.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import yaml

MODELS, SEEDS, IMAGES, SIDE = "yolo11n.yaml,yolo11n-ema.yaml", 2, 8, 64
REPORT = ("results.csv", "report.json", "report.md", "report.html", "pareto.png")


def draw_data(root: Path) -> Path:
    """A dataset YAML of squares in two colours."""
    drawn = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        for index in range(IMAGES):
            image = drawn.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
            lines = []
            for x, y in drawn.integers(6, SIDE - 6, (3, 2)):
                colour = int(drawn.integers(0, 2))
                image[y - 4 : y + 4, x - 4 : x + 4] = (250, 250, 250) if colour else (30, 30, 250)
                lines.append(f"{colour} {x / SIDE} {y / SIDE} {8 / SIDE} {8 / SIDE}\n")
            cv2.imwrite(str(root / "images" / split / f"{index}.png"), image)
            (root / "labels" / split / f"{index}.txt").write_text("".join(lines))
    file = root / "data.yaml"
    file.write_text(
        yaml.safe_dump({"path": str(root), "train": "images/train", "val": "images/val", "names": ["a", "b"]})
    )
    return file


def command(data: Path, out: Path, options: dict[str, str]) -> list[str]:
    """The command of the grid."""
    words = [f"models={MODELS}", f"data={data}", f"seeds={SEEDS}", f"epochs={options.get('epochs', '2')}"]
    words += [f"imgsz={SIDE}", "batch=4", "loader_workers=0", "device=cpu", "amp=False", "optimizer=AdamW"]
    words += ["lr0=0.001", "resamples=400", "latency=False", f"out={out}"]
    if "weights" in options:
        words.append(f"weights={options['weights']}")
    return [str(Path(sys.executable).with_name("yolo-fine")), "ablate", *words]


def start(words: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command; what it prints goes to a file."""
    with log.open("ab") as stream:
        return subprocess.Popen(words, stdout=stream, stderr=stream)


def finished(out: Path) -> int:
    """Number of finished runs."""
    return len(list(out.glob("*/result.json")))


def unfinished(out: Path) -> list[str]:
    """Runs that have begun to train, and are not finished."""
    return [path.parent.name for path in out.glob("*/train") if not (path.parent / "result.json").is_file()]


def kill_at_random(words: list[str], out: Path, kills: int, seconds: float, chance: random.Random) -> int:
    """Start the grid ``kills`` times and kill it; returns how many kills hit it before it had ended."""
    runs, hit = SEEDS * len(MODELS.split(",")), 0
    for number in range(kills):
        wanted = number * runs // kills  # finished runs, so that kills are spread over the whole grid
        process, began = start(words, out.with_name("killed.log")), time.monotonic()
        while finished(out) < wanted and process.poll() is None:
            time.sleep(0.05)
        if number % 2:  # at any moment, also while it starts; or while a model is trained or evaluated
            time.sleep(chance.uniform(0, seconds))
        else:
            while not unfinished(out) and process.poll() is None:
                time.sleep(0.05)
            time.sleep(chance.uniform(0, 0.1 * seconds))
        if process.poll() is None:
            process.kill()
            hit += 1
        process.wait()
        left = unfinished(out)
        print(
            f"kill {number + 1}: after {time.monotonic() - began:.1f} s, {finished(out)} of {runs} runs finished, "
            f"cut: {', '.join(left) or 'none'}",
            flush=True,
        )
    return hit


def main() -> int:
    """Run both grids and compare."""
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    folder = Path(options.get("out", "kills")).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    data = draw_data(folder / "data")
    for variable, value in (("YOLO_OFFLINE", "true"), ("YOLO_AUTOINSTALL", "false")):
        os.environ.setdefault(variable, value)
    unbroken, killed = folder / "unbroken", folder / "killed"

    began = time.monotonic()
    code = start(command(data, unbroken, options), folder / "unbroken.log").wait()
    seconds = time.monotonic() - began
    print(f"unbroken: code {code}, {finished(unbroken)} runs in {seconds:.0f} s", flush=True)

    for cache in data.parent.glob("labels/*.cache"):
        cache.unlink()
    chance = random.Random(int(options.get("seed", "0")))
    words = command(data, killed, options)
    hit = kill_at_random(words, killed, int(options.get("kills", "10")), 0.4 * seconds, chance)
    code = start(words, folder / "killed.log").wait()
    print(f"killed {hit} times, then finished: code {code}, {finished(killed)} runs", flush=True)

    equal = [(unbroken / name).read_bytes() == (killed / name).read_bytes() for name in REPORT]
    for name, same in zip(REPORT, equal, strict=True):
        print(f"{name}: {'equal bit for bit' if same else 'DIFFERS'}")
    return 0 if all(equal) and code == 0 else 1


if __name__ == "__main__":
    if {"--help", "-h"} & set(sys.argv):
        sys.exit(print(__doc__))
    sys.exit(main())
