# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine demo``: draw small objects, train, evaluate, slice, export and look, in minutes and offline."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo_fine.cli.demo.result import DemoResult
from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import Stage, show, stage
from yolo_fine.utils.files import is_elsewhere, unwritable, write_json
from yolo_fine.utils.folders import finished_folder
from yolo_fine.utils.parts import make_parents, remove_empty

if TYPE_CHECKING:
    from yolo_fine.evaluation.result import Evaluation
    from yolo_fine.exporter.proof.proof import Proof
    from yolo_fine.smallobjects.sample_set import SampleSet

RESULT_FILE = "demo.json"
LOG_FILE = "log.txt"
DATA_FOLDER = "data"
STAGES = 6
MAX_DET = 300


@public
def run_demo(
    *,
    out: Path = Path("runs/demo"),
    model: str = "yolo11n-fine.yaml",
    width: float = 0.5,
    train: int = 180,
    val: int = 40,
    size: int = 256,
    imgsz: int = 256,
    scale: float = 1.4,
    density: float = 5.0,
    epochs: int = 12,
    batch: int = 4,
    lr: float = 0.004,
    slice: int = 160,
    seed: int = 0,
) -> DemoResult:
    """Run the whole loop once; shows a line for each stage.

    The detector is trained from scratch on drawn scenes. So that minutes suffice, their objects are larger than
    VisDrone's (``scale``), and of two classes, without look-alikes: the metrics say nothing about real images.

    What Ultralytics prints goes to ``log.txt``. Ultralytics is kept offline, unless it was imported before.
    The images come first, and stay; all else appears in ``out`` when the run is complete, and an earlier run's result
    stays until then.

    Args:
        out: Folder for everything that is made.
        model: Model YAML, trained from scratch.
        width: Share of its channels that stay; 1 trains the model as it is, which takes about twice as long.
        train: Number of training images.
        val: Number of validation images.
        size: Side of the images in pixels.
        imgsz: Side of the network's input in pixels.
        scale: Pixels per pixel of a VisDrone image; less means more and smaller objects.
        density: Number of objects against VisDrone's.
        epochs: Passes over the training images.
        batch: Images per step.
        lr: Learning rate of AdamW.
        slice: Side of the slices that are compared with whole images, in pixels.
        seed: Seed of images and training.

    Raises:
        ArgumentError: A value is out of range, or ``out`` holds something else.
    """
    settings = {key: value for key, value in locals().items() if key != "out"}
    _check(out, settings)
    if "ultralytics" not in sys.modules:
        os.environ.setdefault("YOLO_OFFLINE", "true")
    with _place_of(out):
        return _make(out, settings)


@contextmanager
def _place_of(out: Path) -> Iterator[None]:
    """Make the folder, without an earlier log; what fails before there are images leaves no trace of it."""
    made: list[Path] = []
    try:
        made = make_parents(out / LOG_FILE)
        (out / LOG_FILE).unlink(missing_ok=True)
        yield
    except BaseException as error:
        if made and not (out / DATA_FOLDER).exists():
            with suppress(OSError):
                (out / LOG_FILE).unlink(missing_ok=True)
            remove_empty(made)
        if (
            isinstance(error, OSError)
            and not isinstance(error, YoloFineError)
            and not is_elsewhere(error, out.absolute())
        ):
            raise unwritable(out, error) from error
        raise


def _make(out: Path, settings: dict[str, Any]) -> DemoResult:
    """Draw, and then all else."""
    train, val = settings["train"], settings["val"]
    show(f"Everything goes to {out}; what Ultralytics prints goes to {out / LOG_FILE}")
    drawing = _Run(out, out, settings)
    samples = drawing.stage("draw", f"drawing {train} + {val} images with small objects", drawing.draw)
    with finished_folder(out, replace=True) as folder:
        result = _learn_and_show(_Run(folder.path, out, settings, drawing.seconds), samples)
        _name_final_place(folder.path, out)
    if result.onnx is None:
        (out / "best.onnx").unlink(missing_ok=True)  # an earlier run's
    return result


def _learn_and_show(run: _Run, samples: SampleSet) -> DemoResult:
    """Every stage behind the drawing, in the folder that takes the place of an earlier result when it is complete."""
    model, slice = run.settings["model"], run.settings["slice"]
    title = f"training {model} at {run.settings['width']:g} of its width from scratch"
    metrics, weights = run.stage("train", title, lambda now: run.train(samples, now))
    whole = run.stage("evaluate", "evaluating", lambda now: run.evaluate(samples, weights, now))
    sliced = run.stage("slice", f"slices of {slice} px", lambda now: run.slices(samples, weights, whole, now))
    proof = run.stage("export", "exporting to ONNX, and proving the file", lambda now: run.export(weights, now))
    found, missed = run.stage("look", "drawing found and missed small objects", lambda now: run.look(samples, now))

    ap50 = dict.fromkeys(metrics.names.values(), 0.0)
    for label, value in zip(metrics.box.ap_class_index, metrics.box.ap50, strict=True):
        ap50[metrics.names[label]] = round(float(value), 4)
    result = DemoResult(
        map50=round(float(metrics.box.map50), 4), map50_95=round(float(metrics.box.map), 4), ap50=ap50,
        whole=_main(whole), sliced=_main(sliced) if sliced else None, small_found=found, small_missed=missed,
        seconds=run.seconds, weights=str(run.out / weights.name),
        onnx=str(run.out / Path(proof.file).name) if proof else None, onnx_verdict=proof.verdict if proof else None,
        report=str(run.out / "eval" / "report.html"), picture=str(run.out / run.picture.name), log=str(run.log),
        settings=run.settings,
    )  # fmt: skip
    write_json(run.work / RESULT_FILE, result.to_dict())
    return result


def _name_final_place(work: Path, out: Path) -> None:
    """Let results name the folder that they are going to be in."""
    for file in (path for path in work.rglob("*") if path.suffix in (".json", ".html")):
        file.write_text(file.read_text(encoding="utf-8").replace(str(work), str(out)), encoding="utf-8")


@dataclass
class _Run:
    """The stages of one run, each with what came of it in words."""

    work: Path
    out: Path
    settings: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.out / LOG_FILE

    @property
    def picture(self) -> Path:
        return self.work / "found_and_missed.jpg"

    def stage(self, name: str, title: str, work: Callable[[Stage], Any]) -> Any:
        """Do a stage with its line, and keep its wall time."""
        began = time.perf_counter()
        with stage(f"[{len(self.seconds) + 1}/{STAGES}] {title}") as now, _quietly(self.log):
            done = work(now)
        self.seconds[name] = round(time.perf_counter() - began, 1)
        return done

    def draw(self, now: Stage) -> SampleSet:
        """Make the images, or find them there."""
        from yolo_fine.smallobjects.dataset import make_dataset

        wanted = {key: self.settings[key] for key in ("train", "val", "size", "scale", "density", "seed")}
        name = "-".join(f"{key}{value}" for key, value in wanted.items())
        samples = make_dataset(
            self.out / DATA_FOLDER / name,
            **wanted,
            look_alikes=False,
            progress=lambda done, of: now.now(f"{done} of {of}"),
        )
        now.outcome = f"{samples.boxes['train']:,} + {samples.boxes['val']:,} objects"
        return samples

    def train(self, samples: SampleSet, now: Stage) -> tuple[Any, Path]:
        """Train, with validation."""
        from yolo_fine.cli.demo.training import train

        how = {key: self.settings[key] for key in ("model", "width", "epochs", "batch", "imgsz", "lr", "seed")}
        metrics, weights = train(samples.yaml, self.work, **how, tell=now.now)
        now.outcome = f"mAP50 {metrics.box.map50:.2f}, mAP50-95 {metrics.box.map:.2f}"
        return metrics, weights

    def evaluate(self, samples: SampleSet, weights: Path, now: Stage) -> Evaluation:
        """Evaluate on whole images, with the report."""
        result = self._evaluation(samples, weights, self.work / "eval")
        now.outcome = _percent(result)
        return result

    def slices(self, samples: SampleSet, weights: Path, whole: Evaluation, now: Stage) -> Evaluation | None:
        """Evaluate on slices too, and compare."""
        if importlib.util.find_spec("sahi") is None:
            now.outcome = 'left out, since sahi is not installed: pip install "yolo-fine[sliced]"'
            return None
        side = self.settings["slice"]
        result = self._evaluation(
            samples, weights, self.work / "eval-sliced", slice=side, compare=self.work / "eval" / "eval.json"
        )
        now.outcome = f"{_percent(result)}; on whole images {_percent(whole)}"
        return result

    def _evaluation(self, samples: SampleSet, weights: Path, out: Path, **how: Any) -> Evaluation:
        from yolo_fine.evaluation.run import evaluate

        return evaluate(
            model=weights, data=samples.yaml, imgsz=self.settings["imgsz"], max_det=MAX_DET, device="cpu", batch=8,
            out=out, **how,
        )  # fmt: skip

    def export(self, weights: Path, now: Stage) -> Proof | None:
        """Write ``best.onnx`` beside the weights; None, with a word why, when a package is missing."""
        missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
        if missing:
            now.outcome = f"left out, since {' and '.join(missing)} are missing: pip install {' '.join(missing)}"
            return None
        from yolo_fine.exporter.prove import export_model

        slim = importlib.util.find_spec("onnxslim") is not None  # simplifying is left out rather than installed
        proof = export_model(str(weights), "onnx", imgsz=self.settings["imgsz"], simplify=slim, device="cpu", runs=0)
        now.outcome = f"{proof.verdict}: raw outputs within {proof.max_rel_err or 0:.1e} of the weights'"
        return proof

    def look(self, samples: SampleSet, now: Stage) -> tuple[int, int]:
        """Draw the picture from the boxes of the evaluation."""
        from yolo_fine.cli.demo.picture import draw_small_objects
        from yolo_fine.evaluation.sources import open_source
        from yolo_fine.formats.coco_files import read_results

        truth = open_source(samples.yaml, "val", None, None, None).truth
        detections = read_results(self.work / "eval" / "detections.json", truth)
        found, missed = draw_small_objects(self.picture, truth, detections)
        now.outcome = f"{found} of {found + missed} found in the fullest image"
        return found, missed


@contextmanager
def _quietly(log: Path) -> Iterator[None]:
    """Let Ultralytics write to the log file."""
    from yolo_fine.integration.log import output_to

    with output_to(log):
        yield


def _check(out: Path, settings: dict[str, Any]) -> None:
    """Refuse what cannot work before anything is written."""
    for name in ("train", "val", "epochs", "batch"):
        if settings[name] < 1:
            raise ArgumentError(f"{name} must be 1 or more, got {settings[name]}")
    if settings["imgsz"] % 32 or settings["imgsz"] < 64:
        raise ArgumentError(f"imgsz must be a multiple of 32 from 64 on, got {settings['imgsz']}")
    if not 0.25 <= settings["width"] <= 1:
        raise ArgumentError(f"width must be 0.25 to 1, got {settings['width']}")
    if settings["slice"] < 32:
        raise ArgumentError(f"slice must be 32 or more, got {settings['slice']}")
    if not settings["model"].endswith((".yaml", ".yml")):
        raise ArgumentError(f"model must be a model YAML, which is trained from scratch, got '{settings['model']}'")
    if out.exists() and not out.is_dir():
        raise ArgumentError(f"out={out} is a file; give a folder")
    if out.is_dir() and any(out.iterdir()) and not ((out / RESULT_FILE).exists() or (out / DATA_FOLDER).exists()):
        raise ArgumentError(f"out={out} holds other files; give an empty or a new folder")
    from yolo_fine.smallobjects.sample_set import check_settings

    check_settings({key: settings[key] for key in ("train", "val", "size", "seed", "scale", "density")})


def _main(result: Evaluation) -> dict[str, float | None]:
    """AP, AP50 and AP_small under COCO's protocol."""
    metrics = result.coco or {}
    return {key: metrics.get(key) for key in ("AP", "AP50", "AP_small")}


def _percent(result: Evaluation) -> str:
    """``AP 15.1, AP50 33.0, AP_small 12.0``, in percent."""
    return ", ".join(f"{key} {100 * value:.1f}" for key, value in _main(result).items() if value is not None)
