# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plays a new user: ``python scripts/new_user.py [README.md docs/compose.md ...] [only=WORD]``.

Shows every command's help, and types every command of the README's and the pages' ``bash`` blocks, one after another,
in a folder with stand-ins: small drawn images for the datasets, untrained weights for the pretrained ones. What takes
long is shortened (one epoch, 64 pixels); commands that install, that need a Ray cluster, or that hold placeholders such
as ``[out=DIR]``, are left out and listed. Exit code 1 if one ended otherwise than a user hopes, with the end of what it
said.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRAIN = {"epochs": "1", "imgsz": "64", "batch": "4", "workers": "0", "plots": "False", "amp": "False", "device": "cpu"}
RECIPE = {key: value for key, value in TRAIN.items() if key != "amp"}
SHORTER = {  # by the first words of a command
    "yolo train": TRAIN,
    "yolo val": {"imgsz": "64", "batch": "4", "workers": "0", "plots": "False", "device": "cpu"},
    "yolo predict": {"imgsz": "64", "device": "cpu"},
    "yolo export": {"imgsz": "64"},
    "yolo-fine train": TRAIN,
    "yolo-fine val": {"imgsz": "64", "batch": "4", "workers": "0", "plots": "False", "device": "cpu"},
    "yolo-fine predict": {"imgsz": "64", "device": "cpu"},
    "yolo-fine export": {"imgsz": "64", "runs": "2"},
    "yolo-fine eval": {"imgsz": "64", "device": "cpu", "resamples": "50"},
    "yolo-fine explain": {"imgsz": "64", "device": "cpu"},
    "yolo-fine ablate": {
        "seeds": "2", "epochs": "1", "imgsz": "64", "batch": "4", "loader_workers": "0", "amp": "False",
        "device": "cpu", "resamples": "400", "latency": "False",
    },
    "yolo-fine data slice": {"size": "64"},
    "yolo-fine bench blocks": {"rounds": "2", "size": "20"},
    "yolo-fine bench models": {"rounds": "2", "imgsz": "64"},
    "python scripts/train_visdrone.py": RECIPE,
    "python scripts/train_coco.py": RECIPE,
    "python scripts/eval_visdrone.py": {"imgsz": "64", "device": "cpu"},
    "python scripts/export_onnx.py": {"imgsz": "64"},
}  # fmt: skip
VISDRONE = ("pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor")
WITHOUT_MODEL = ("annotations=", "check=")  # commands in which imgsz= or device= have no place
LEFT_OUT = ("pip", "git", "make", "docker", "cd", "eval", "jupyter", "export", "source", "conda", "zensical", "pytest")
SLOW = ("demo", "check_upstream", "torture", "kill_ablation", "startup.py", "benchmarks/")
NEEDS_A_CLUSTER = "engine=ray"


def prepare(folder: Path) -> None:
    """Put the stand-ins for a user's files into a folder."""
    import cv2
    import torch
    import yaml
    from ultralytics import YOLO

    from yolo_fine.smallobjects.dataset import make_dataset

    drawn = make_dataset(folder / "drawn", train=8, val=4, size=128)
    content = yaml.safe_load(Path(drawn.yaml).read_text(encoding="utf-8")) | {"path": str(folder / "drawn")}
    content["names"] = dict(enumerate(VISDRONE))  # as many classes as the converted download has
    for name in ("VisDrone", "mydata", "mine", "smallobjects", "coco"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for split in ("train", "val"):
        place = folder / "DOWNLOADS" / f"VisDrone2019-DET-{split}"
        place.mkdir(parents=True)
        for kind in ("images", "annotations"):
            (place / kind).symlink_to(folder / "drawn" / kind / split)
    write_coco(folder / "coco", folder / "drawn" / "images")
    (folder / "VisDrone2019-DET-val").symlink_to(folder / "DOWNLOADS" / "VisDrone2019-DET-val")
    image = next((folder / "drawn" / "images" / "val").iterdir())
    for name in ("img.jpg", "street.jpg", "image.jpg"):
        cv2.imwrite(str(folder / name), cv2.imread(str(image)))
    (folder / "images").symlink_to(image.parent)
    video = cv2.VideoWriter(str(folder / "flight.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, (128, 128))
    for _ in range(3):
        video.write(cv2.imread(str(image)))
    video.release()
    torch.manual_seed(0)
    for name in ("yolo11n", "yolo26n", "yolov8n", "yolo11s", "yolov8s"):
        YOLO(f"{name}.yaml").save(str(folder / f"{name}.pt"))
    best = YOLO("yolo11n-fine.yaml")
    best.model = type(best.model)("yolo11n-fine.yaml", nc=len(content["names"]), verbose=False)
    best.model.names = content["names"]
    for name in ("best", "other", "W"):
        best.save(str(folder / f"{name}.pt"))


def write_coco(folder: Path, images: Path) -> None:
    """A download of COCO with these images, of 128 x 128 pixels and with one object each."""
    (folder / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        (folder / f"{split}2017").symlink_to(images / split)
        files = sorted(file.name for file in (images / split).iterdir())
        content = {
            "images": [{"id": n, "file_name": file, "width": 128, "height": 128} for n, file in enumerate(files)],
            "annotations": [
                {"id": n + 1, "image_id": n, "category_id": 1, "bbox": [9, 9, 20, 20], "area": 400, "iscrowd": 0}
                for n in range(len(files))
            ],
            "categories": [{"id": 1, "name": "person"}],
        }
        (folder / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content), encoding="utf-8")


def commands_in(page: Path) -> list[str]:
    """The commands of a page's ``bash`` blocks, without comments; continued lines are joined."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for command in line.split(" && "):
                words = shlex.join(shlex.split(command, comments=True))
                found += [words] if words else []
    return found


def shortened(command: str) -> list[str]:
    """The words of a command, so that it takes seconds."""
    words = shlex.split(command)
    settings = [word for word in words if re.match(r"[A-Z_]+=", word)]
    rest = words[len(settings) :]
    changes = next((SHORTER[start] for start in SHORTER if " ".join(rest).startswith(start)), {})
    if any(word.startswith(WITHOUT_MODEL) for word in rest):
        changes = {key: value for key, value in changes.items() if key in ("resamples", "runs")}
    kept = [word for word in rest if word.split("=")[0] not in changes]
    kept = [re.sub(r"^(slice|size)=\d+$", r"\1=64", word) for word in kept]
    kept = [str(ROOT / word) if word.startswith(("scripts/", "benchmarks/")) else word for word in kept]
    return ["env", *settings, *kept, *(f"{key}={value}" for key, value in changes.items())]


def is_left_out(command: str) -> bool:
    """Whether a command installs something, takes long, needs a cluster, or is a pattern and no command."""
    first = command.split(maxsplit=1)[0].rsplit("/", maxsplit=1)[-1]
    is_pattern = re.search(r"[\[\]|<>]|\bDIR\b| \.\.\. ", command)
    return first in LEFT_OUT or any(word in command for word in (*SLOW, NEEDS_A_CLUSTER)) or bool(is_pattern)


def type_command(words: list[str], folder: Path) -> tuple[bool, float, str]:
    """Whether a command ended well, its seconds, and the end of what it said."""
    started = time.monotonic()
    if "ablate" in words:  # one folder holds one ablation
        shutil.rmtree(folder / "runs" / "ablate", ignore_errors=True)
    settings = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(folder / ".settings")}
    settings |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "Agg"}
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=600
    )
    said = done.stdout + done.stderr
    return done.returncode in (0, 1) and "Traceback" not in said, time.monotonic() - started, said[-1500:]


def main() -> int:
    """Type everything; 1 if something ended badly."""
    from yolo_fine.cli.verbs import VERBS

    only = next((word.split("=", 1)[1] for word in sys.argv[1:] if word.startswith("only=")), "")
    pages = [ROOT / word for word in sys.argv[1:] if "=" not in word]
    pages = pages or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    helps = [f"yolo-fine {name} --help" for name in VERBS] if not only else []
    tried = bad = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        type_command(["yolo", "settings", "runs_dir=runs", f"datasets_dir={folder}"], folder)
        for page, commands in [(None, helps), *((page, commands_in(page)) for page in pages)]:
            for command in commands:
                if only not in command:
                    continue
                if is_left_out(command):
                    print(f"left out       {command}", flush=True)
                    continue
                well, seconds, said = type_command(shortened(command), folder)
                tried, bad = tried + 1, bad + (not well)
                print(f"{'well' if well else 'BAD '} {seconds:6.1f} s  {command}", flush=True)
                if not well:
                    print(
                        f"--- {page.name if page else 'help'}: {shlex.join(shortened(command))}\n{said}\n---",
                        flush=True,
                    )
    print(f"{tried} commands, {bad} ended badly")
    return 1 if bad else 0


if __name__ == "__main__":
    if {"--help", "-h"} & set(sys.argv):
        sys.exit(print(__doc__))
    sys.exit(main())
