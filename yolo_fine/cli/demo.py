# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine demo``: draw small objects, train a detector, validate, export and look, in minutes and offline."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.calls import public
from yolo_fine.utils.files import write_json
from yolo_fine.utils.folders import FinishedFolder, finished_folder

if TYPE_CHECKING:
    from yolo_fine.exporter.proof.proof import Proof
    from yolo_fine.smallobjects.sample_set import SampleSet

RESULT_FILE = "demo.json"
DATA_FOLDER = "data"


@dataclass(frozen=True)
class DemoResult:
    """What a demo run made and measured: also the content of ``demo.json``.

    ``map50`` and ``map50_95`` are mAP at an overlap of 0.5 and over 0.5 to 0.95 on the val images, ``ap50`` is per
    class, ``detections`` counts the boxes in ``image``, ``seconds`` is wall time per step. ``onnx`` is the exported
    file and ``onnx_verdict`` what comparing its outputs with those of the weights gave; both are None without the
    export extra. ``settings`` are the arguments that make the same run again.
    """

    map50: float
    map50_95: float
    ap50: dict[str, float]
    detections: int
    seconds: dict[str, float]
    weights: str
    onnx: str | None
    onnx_verdict: str | None
    image: str
    settings: dict[str, Any]


@public
def run_demo(
    *,
    out: Path = Path("runs/demo"),
    model: str = "yolo11n-fine.yaml",
    train: int = 400,
    val: int = 80,
    imgsz: int = 256,
    scale: float = 1.25,
    density: float = 2.5,
    epochs: int = 10,
    batch: int = 4,
    lr: float = 0.002,
    seed: int = 0,
) -> DemoResult:
    """Run the whole loop once; prints its steps, metrics and files.

    Ultralytics is kept offline, unless it was imported before. The images come first, and stay; all else appears in
    ``out`` when the run is complete, and an earlier run's result stays until then.

    Args:
        out: Folder for everything that is made.
        model: Model YAML, trained from scratch.
        train: Number of training images.
        val: Number of validation images.
        imgsz: Side of images and of the network's input, in pixels.
        scale: Pixels per pixel of a VisDrone image; less means more and smaller objects.
        density: Number of objects against VisDrone's.
        epochs: Passes over the training images.
        batch: Images per step.
        lr: Learning rate of AdamW.
        seed: Seed of images and training.

    Raises:
        ArgumentError: A value is out of range, or ``out`` holds something else, or it can't be written.
    """
    settings = {key: value for key, value in locals().items() if key != "out"}
    _check(out, settings)
    if "ultralytics" not in sys.modules:
        os.environ.setdefault("YOLO_OFFLINE", "true")
    seconds: dict[str, float] = {}
    with _step("draw", f"1/4 Drawing {train} + {val} images of {imgsz} x {imgsz} with small objects", seconds):
        samples = _draw(out, settings)
        print(f"{samples.boxes['train']} + {samples.boxes['val']} objects")
    with finished_folder(out, replace=True) as folder:
        result = _run(folder, samples, settings, seconds)
    _report(result, samples, out)
    return result


def _run(folder: FinishedFolder, samples: SampleSet, settings: dict[str, Any], seconds: dict[str, float]) -> DemoResult:
    """Train, export and look, in the folder that becomes ``out``."""
    model, epochs, imgsz = settings["model"], settings["epochs"], settings["imgsz"]
    work, out = folder.path, folder.out
    with _step("train", f"2/4 Training {model} from scratch for {epochs} epochs, with validation", seconds):
        metrics, weights = _train(work, samples, settings)
    with _step("export", "3/4 Exporting to ONNX, and comparing the file with the weights", seconds):
        proof = _export(weights, imgsz)
        onnx = proof.file if proof else None
    with _step("look", f"4/4 Looking at a val image with {'the ONNX file' if onnx else 'the weights'}", seconds):
        image = work / "prediction.jpg"
        detections = _look(Path(onnx or weights), samples, imgsz, image)

    ap50 = dict.fromkeys(metrics.names.values(), 0.0)
    for label, value in zip(metrics.box.ap_class_index, metrics.box.ap50, strict=True):
        ap50[metrics.names[label]] = round(float(value), 4)
    result = DemoResult(
        map50=round(float(metrics.box.map50), 4), map50_95=round(float(metrics.box.map), 4), ap50=ap50,
        detections=detections, seconds=seconds, weights=str(out / weights.name),
        onnx=str(out / Path(onnx).name) if onnx else None, onnx_verdict=proof.verdict if proof else None,
        image=str(out / image.name), settings=settings,
    )  # fmt: skip
    write_json(work / RESULT_FILE, asdict(result))
    return result


def _check(out: Path, settings: dict[str, Any]) -> None:
    """Refuse what cannot work before anything is written."""
    for name in ("train", "val", "epochs", "batch"):
        if settings[name] < 1:
            raise ArgumentError(f"{name} must be 1 or more, got {settings[name]}")
    if settings["imgsz"] % 32 or settings["imgsz"] < 64:
        raise ArgumentError(f"imgsz must be a multiple of 32 from 64 on, got {settings['imgsz']}")
    if not settings["model"].endswith((".yaml", ".yml")):
        raise ArgumentError(f"model must be a model YAML, which is trained from scratch, got '{settings['model']}'")
    if out.exists() and not out.is_dir():
        raise ArgumentError(f"out={out} is a file; give a folder")
    if out.is_dir() and any(out.iterdir()) and not ((out / RESULT_FILE).exists() or (out / DATA_FOLDER).exists()):
        raise ArgumentError(f"out={out} holds other files; give an empty or a new folder")


def _draw(out: Path, settings: dict[str, Any]) -> SampleSet:
    """Make the images, or find them there."""
    from yolo_fine.smallobjects.dataset import make_dataset

    wanted = {key: settings[key] for key in ("train", "val", "scale", "density", "seed")} | {"size": settings["imgsz"]}
    name = "-".join(f"{key}{value}" for key, value in wanted.items())
    return make_dataset(out / DATA_FOLDER / name, **wanted)


def _train(work: Path, samples: SampleSet, settings: dict[str, Any]) -> tuple[Any, Path]:
    """Train from scratch; returns the metrics of the best epoch's weights on the val images, and these weights."""
    threads = int(os.environ.get("OMP_NUM_THREADS") or min(8, os.cpu_count() or 1))  # before Ultralytics sets it to 1
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # threads that wait for a busy core spin for microseconds only
    import torch
    from ultralytics import YOLO

    from yolo_fine.integration.models import run_of

    detector = YOLO(settings["model"], task="detect")
    detector.add_callback("on_train_start", lambda trainer: torch.set_num_threads(threads))
    metrics = detector.train(
        data=str(samples.yaml.resolve()), project=str(work.resolve()), name="train", exist_ok=True,
        epochs=settings["epochs"], batch=settings["batch"], imgsz=settings["imgsz"], seed=settings["seed"],
        pretrained=False, optimizer="AdamW", lr0=settings["lr"], nbs=settings["batch"], warmup_epochs=0.5,
        mosaic=0.0, close_mosaic=0, scale=0.2, translate=0.05, erasing=0.0,
        amp=False, workers=0, cache="ram", plots=False, verbose=False, device="cpu",
    )  # fmt: skip
    weights = work / "best.pt"
    shutil.copyfile(run_of(detector).best, weights)
    return metrics, weights


def _export(weights: Path, imgsz: int) -> Proof | None:
    """Write ``best.onnx`` beside the weights; None, with a word why, when the export extra is not installed."""
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        print(f'Skipped: {" and ".join(missing)} not installed. To export: pip install "yolo-fine[export]"')
        return None
    from yolo_fine.exporter.prove import export_model

    slim = importlib.util.find_spec("onnxslim") is not None  # simplifying is left out rather than installed
    proof = export_model(str(weights), "onnx", imgsz=imgsz, simplify=slim, device="cpu", runs=0)
    print(f"{proof.verdict}: largest relative error of the file's raw outputs {proof.max_rel_err:.1e}")
    return proof


def _look(weights: Path, samples: SampleSet, imgsz: int, image: Path) -> int:
    """Detect objects in the val image with the most labels; saves it with boxes and returns their number."""
    from ultralytics import YOLO

    found = YOLO(weights, task="detect").predict(str(samples.busiest()), imgsz=imgsz, device="cpu", verbose=False)[0]
    found.save(str(image), line_width=1, font_size=6)
    return len(found.boxes)


@contextmanager
def _step(name: str, title: str, seconds: dict[str, float]) -> Iterator[None]:
    """Print a step's title, and keep its wall time under its name."""
    print(f"\n[{title}]", flush=True)
    began = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - began, 1)


def _report(result: DemoResult, samples: SampleSet, out: Path) -> None:
    """Print the metrics and where everything is."""
    print(f"\nmAP50 {result.map50:.3f}, mAP50-95 {result.map50_95:.3f} on {samples.images['val']} val images; AP50:")
    print("  " + ", ".join(f"{name} {value:.2f}" for name, value in result.ap50.items()))
    print(f"  images {samples.root}\n  weights  {result.weights}\n  ONNX     {result.onnx or 'not exported'}")
    print(f"  image  {result.image} ({result.detections} boxes)\n  metrics  {out / RESULT_FILE}")
    print(f"Done in {sum(result.seconds.values()):.0f} s.")
