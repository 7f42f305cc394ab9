# SPDX-License-Identifier: AGPL-3.0-or-later
"""The recipes of ``scripts/``, run as a user runs them, on four drawn images."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.commands import pythons, run
from yolo_fine.cli.words import call
from yolo_fine.errors import YoloFineError
from yolo_fine.recipes import coco_weights

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TINY = ("epochs=1", "imgsz=64", "batch=2", "device=cpu", "workers=0", "plots=False")


@dataclass(frozen=True)
class Workplace:
    """A folder to run scripts in."""

    folder: Path

    def run(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        return run([sys.executable, str(SCRIPTS / script), *words], self.folder)

    def runs(self) -> set[Path]:
        return set(self.folder.glob("runs/*/*"))


def draw_dataset(folder: Path, labels: bool = True) -> Path:
    """Four images with six small rectangles each, two of them for validation."""
    draw = np.random.default_rng(0)
    for index in range(4):
        split = "train" if index < 2 else "val"
        image = draw.integers(60, 120, (96, 128, 3), dtype=np.uint8)
        rows = []
        for box in range(6):
            x, y, w, h = 10 + 18 * box, int(draw.integers(10, 70)), 10, 12
            cv2.rectangle(image, (x, y), (x + w, y + h), (30, 200, 40 * box), -1)
            rows.append(f"{box % 2} {(x + w / 2) / 128} {(y + h / 2) / 96} {w / 128} {h / 96}\n")
        for kind in ("images", "labels")[: 1 + labels]:
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "images" / split / f"{index}.png"), image)
        if labels:
            (folder / "labels" / split / f"{index}.txt").write_text("".join(rows))
    file = folder / "data.yaml"
    names = {0: "even", 1: "odd"}
    file.write_text(yaml.safe_dump({"path": str(folder), "train": "images/train", "val": "images/val", "names": names}))
    return file


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("recipes"))
    draw_dataset(place.folder / "data")
    draw_dataset(place.folder / "unlabelled", labels=False)
    return place


@pytest.fixture(scope="module")
def summary(workplace: Workplace) -> dict:
    """What ``train_visdrone.py`` writes for one epoch from scratch."""
    done = workplace.run("train_visdrone.py", "data=data/data.yaml", "weights=none", "json=out/drone.json", *TINY)
    assert done.returncode == 0, done.stderr
    written = json.loads((workplace.folder / "out/drone.json").read_text())
    assert f"best weights: {written['best']}" in done.stdout
    return written


@pytest.fixture(scope="module")
def best(summary: dict) -> Path:
    return Path(summary["best"])


def test_train_visdrone(summary: dict, best: Path):
    assert best.name == "best.pt"
    assert best.is_file()
    assert 0 <= summary["metrics"]["metrics/mAP50-95(B)"] <= 1
    assert summary["settings"]["max_det"] == 500
    assert summary["settings"]["seed"] == 42
    assert summary["settings"]["weights"] is None
    run = yaml.safe_load((best.parents[1] / "args.yaml").read_text())
    assert run["max_det"] == 500
    assert (best.parents[1] / "val").is_dir()


def test_train_coco_starts_from_a_checkpoint(workplace: Workplace, best: Path):
    words = ("data=data/data.yaml", f"weights={best}", "model=yolo11n-fine.yaml", "name=fromckpt", "json=coco.json")
    done = workplace.run("train_coco.py", *words, *TINY)
    assert done.returncode == 0, done.stderr
    written = json.loads((workplace.folder / "coco.json").read_text())
    assert "fromckpt" in Path(written["best"]).parts
    assert Path(written["best"]).is_file()
    transferred = next(line for line in done.stdout.splitlines() if line.startswith("Transferred"))
    moved, total = transferred.split()[1].split("/")
    assert moved == total


MISTAKES = {
    "VisDrone offline": ("train_visdrone.py", ("weights=none",), "datasets_dir"),
    "truncated weights": ("train_visdrone.py", ("data=data/data.yaml", "weights=cut.pt"), "truncated"),
    "unknown key": ("train_visdrone.py", ("epoch=3",), "did you mean epochs?"),
    "no labels": ("train_coco.py", ("data=unlabelled/data.yaml",), "has a label file"),
}


def test_a_mistake_ends_in_one_line(workplace: Workplace):
    (workplace.folder / "cut.pt").write_bytes(b"PK\3\4" + bytes(1000))
    before = workplace.runs()
    codes = [
        f"import runpy, sys; sys.argv = {[script, *words]!r}\n"
        f"runpy.run_path({str(SCRIPTS / script)!r}, run_name='__main__')"
        for script, words, _ in MISTAKES.values()
    ]
    for (_, _, says), done in zip(MISTAKES.values(), pythons(codes, workplace.folder), strict=True):
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert says in done.stderr
        assert "Traceback" not in done.stdout + done.stderr
    assert workplace.runs() == before


@pytest.mark.parametrize("script", ["train_visdrone", "train_coco"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("epochs=0",), "at least 1"),
        (("imgsz=big",), "imgsz"),
        (("json=.",), "is a folder"),
        (("device=cuda:99",), "device=cuda:99"),
        (("model=yolo11n-fien.yaml",), "did you mean yolo11n-fine.yaml"),
        (("weights=folder/lost.pt",), "weights=folder/lost.pt"),
        (("data=nowhere.yaml", "weights=none"), "data=nowhere.yaml"),
    ],
)
def test_training_refuses(script: str, words: tuple[str, ...], says: str):
    with pytest.raises(YoloFineError, match=says):
        call(load_script(script).train, words)


@pytest.mark.parametrize(
    ("model", "weights"),
    [("yolo11n-fine.yaml", "yolo11n.pt"), ("yolov8s-small.yaml", "yolov8s.pt"), ("my/best.pt", None)],
)
def test_auto_names_the_weights_of_family_and_scale(model: str, weights: str | None):
    assert coco_weights(model) == weights


def load_script(name: str):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
