# SPDX-License-Identifier: AGPL-3.0-or-later
"""ONNX files with ``dfl=matmul`` beside ``dfl=softmax``, in onnxruntime on the CPU.

    python benchmarks/dfl.py [models=yolo11n.yaml,best.pt] [imgsz=640] [threads=1] [rounds=15]

All files take turns on one random image in every round. Shown are the median times, the median of the ratio of both
forms with its 95 % interval (:mod:`yolo_fine.costs.timing`), and the largest difference of their outputs on that image,
relative to the largest number in them.
"""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np
import onnxruntime

from yolo_fine.costs.timing import ratio, take_turns
from yolo_fine.exporter.produce import DFLForm, produce
from yolo_fine.integration.checkpoints import checkpoint_of
from yolo_fine.integration.models import open_model
from yolo_fine.recipes import run_script
from yolo_fine.utils.tables import Table

DEFAULT = "yolov8n.yaml,yolo11n.yaml,yolo11n-small.yaml,yolo11n-seg.yaml,yolo11s.yaml"
FORMS: tuple[DFLForm, ...] = get_args(DFLForm)


def compare_forms(*, models: str = DEFAULT, imgsz: int = 640, threads: int = 1, rounds: int = 15) -> None:
    """Print a table, a row for each model.

    Args:
        models: Model YAMLs or checkpoints.
        imgsz: Height and width of the image.
        threads: CPU threads of onnxruntime.
        rounds: How often each file takes its turn.
    """
    image = np.random.default_rng(0).random((1, 3, imgsz, imgsz), np.float32)
    names = models.split(",")
    sessions = {}
    for name in names:
        checkpoint = checkpoint_of(open_model(name).model)
        sessions |= {(name, form): open_session(checkpoint, form, imgsz, threads) for form in FORMS}
    calls = {key: partial(session.run, None, {"images": image}) for key, session in sessions.items()}
    times = take_turns({" ".join(key): call for key, call in calls.items()}, rounds)
    rows = []
    for name in names:
        fast, stock = (times[f"{name} {form}"] for form in FORMS)
        ours, theirs = (calls[name, form]()[0] for form in FORMS)
        rows.append({
            "model": Path(name).stem,
            "softmax ms": f"{statistics.median(stock):.1f}",
            "matmul ms": f"{statistics.median(fast):.1f}",
            "softmax / matmul": str(ratio(stock, fast)),
            "largest difference": f"{np.abs(ours - theirs).max() / np.abs(theirs).max():.1e}",
        })  # fmt: skip
    print(Table(rows).to_markdown())


def open_session(checkpoint: bytes, form: DFLForm, imgsz: int, threads: int) -> onnxruntime.InferenceSession:
    """A model's exported file, loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with TemporaryDirectory() as folder:
        source = Path(folder) / "model.pt"
        source.write_bytes(checkpoint)
        file, _ = produce(source, "onnx", {"imgsz": imgsz}, form)
        return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    run_script(compare_forms, ["python benchmarks/dfl.py models=yolo11n.yaml,yolo11n-small.yaml rounds=15"])
