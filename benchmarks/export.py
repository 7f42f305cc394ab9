# SPDX-License-Identifier: AGPL-3.0-or-later
"""Exports of every packaged n model: proven equal, their operators, and their latency beside the stock model.

    python benchmarks/export.py weights=DIR [models=yolo11,yolo26n-fine] [docs=docs/export_figures.md] [json=FILE]
        [parts=equal,runtimes,half,latency,accuracy] [data=A.yaml,B.yaml] [trained=A.pt,B.pt] [imgsz=320] [pairs=30]
        [threads=2]

``DIR`` holds yolov8n*.pt, yolo11n*.pt and yolo26n*.pt. The blocks of the packaged models get random gains first
(``benchmarks/randomised_model.py``): at init most of them change nothing, and a wrong export would pass. With
``json=FILE`` every metric is kept as soon as it is measured, and a later call adds the parts and models that it is
asked for.
"""

from __future__ import annotations

import json as json_module
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnxruntime
import torch
import ultralytics
from export_latency import measure_latency
from export_page import write_page
from randomised_model import write_checkpoint
from transfer import families, pretrained

from yolo_fine.errors import ArgumentError, YoloFineError
from yolo_fine.exporter.proof.proof import Proof
from yolo_fine.exporter.prove import export_model
from yolo_fine.integration.devices import processor
from yolo_fine.recipes import run_script
from yolo_fine.utils.files import write_json
from yolo_fine.utils.hints import did_you_mean

PARTS = ("equal", "runtimes", "half", "latency", "accuracy")
ONNX_FILES = {
    "static": {"dynamic": False},
    "dynamic": {"dynamic": True},
    "not simplified": {"dynamic": True, "simplify": False},
}
HALF_SIZE = 1280
Metrics = dict[str, Any]


def export_figures(
    *, weights: Path, models: str = "", parts: str = "equal,runtimes,half,latency", data: str = "", trained: str = "",
    imgsz: int = 320, pairs: int = 30, threads: int = 2, docs: Path | None = None, json: Path | None = None,
) -> None:  # fmt: skip
    """Export, prove and time; prints each metric as it comes.

    Args:
        weights: Folder of checkpoints, one for each family at scale n.
        models: Families or models, as ``yolo11,yolo26n-fine``; by default everything that is packaged.
        parts: ``equal`` (ONNX static, dynamic, not simplified), ``runtimes`` (TorchScript and OpenVINO), ``half`` (fp16
            ONNX at 1280 pixels), ``latency`` (at 640 pixels), ``accuracy`` (fp16 ONNX, int8 OpenVINO; needs ``data``).
        data: Dataset YAMLs for the part ``accuracy``.
        trained: Checkpoints for it, one for each of them, named in the table by their file; by default the models with
            the pretrained weights, whose classes the data sets then must have.
        imgsz: Export size of the parts ``equal`` and ``runtimes``.
        pairs: Pairs of runs of the latency, of each model and the first of its family that is chosen.
        threads: CPU threads of onnxruntime.
        docs: Write the page of documentation to this file.
        json: Keep the metrics in this file, and take over those that it holds.
    """
    wanted = parts_in(parts, data, trained)
    metrics: Metrics = json_module.loads(json.read_text()) if json and json.exists() else {}
    metrics["versions"] = {
        "torch": torch.__version__, "ultralytics": ultralytics.__version__, "onnxruntime": onnxruntime.__version__,
    }  # fmt: skip
    metrics.setdefault("imgsz", imgsz)

    def keep(part: str, name: str, value: Any) -> None:
        metrics.setdefault(part, {})[name] = value
        print(part, name, value, flush=True)
        if json:
            write_json(json, metrics)

    if trained:
        for file, dataset in zip(trained.split(","), data.split(","), strict=True):
            keep("accuracy", f"{Path(file).stem} {Path(dataset).parent.name}", accuracy(Path(file), dataset))
        wanted.remove("accuracy")

    with TemporaryDirectory() as folder:
        for family, variants in families().items():
            names = [f"{family}n.yaml", *(f"{family}n{variant}" for variant in variants)]
            chosen = [name for name in names if is_chosen(name, family, models)]
            if not chosen:
                continue
            source, _ = pretrained(family, "n", weights)
            files = {name: write_checkpoint(name, source, Path(folder)) for name in chosen}

            for name, file in files.items():
                if "equal" in wanted:
                    keep("equal", name, {label: prove(file, imgsz=imgsz, **o) for label, o in ONNX_FILES.items()})
                if "runtimes" in wanted:
                    formats = ("torchscript", "openvino")
                    keep("runtimes", name, {format: prove(file, format, imgsz=imgsz) for format in formats})
                if "half" in wanted:
                    keep("half", name, prove(file, imgsz=HALF_SIZE, half=True))
                for dataset in data.split(",") if "accuracy" in wanted else []:
                    keep("accuracy", f"{Path(name).stem} {Path(dataset).parent.name}", accuracy(file, dataset))
            (_, stock), *others = files.items()
            for name, file in others if "latency" in wanted else []:
                measured = measure_latency(stock, file, pairs=pairs, threads=threads)
                machine = {"load": os.getloadavg()[0], "cores": os.cpu_count(), "threads": threads}
                machine["processor"] = processor("cpu")
                keep("latency", name, {**asdict(measured), **machine})
    if docs:
        write_page(docs, metrics)


def parts_in(words: str, data: str, trained: str) -> list[str]:
    """The parts that were asked for, which must exist and have what they need."""
    wanted = words.split(",")
    for part in wanted:
        if part not in PARTS:
            raise ArgumentError(f"parts={part}: no such part{did_you_mean(part, PARTS)}; there are {', '.join(PARTS)}")
    if "accuracy" in wanted and not data:
        raise ArgumentError("parts=accuracy needs data=, dataset YAMLs with a val split")
    if trained and ("accuracy" not in wanted or trained.count(",") != data.count(",")):
        raise ArgumentError(f"trained={trained}: needs parts=accuracy and a checkpoint for each of data={data}")
    return wanted


def is_chosen(name: str, family: str, models: str) -> bool:
    """Whether a model was asked for, by its family or its name."""
    stem = name.removesuffix(".yaml")
    return not models or bool({family, stem} & set(models.split(",")))


def prove(file: Path, format: str = "onnx", **options: Any) -> Metrics:
    """What the proof of one export says, or why there is none."""
    return metrics_of(lambda: export_model(str(file), format, runs=0, **options))


def accuracy(file: Path, dataset: str) -> Metrics:
    """AP of a checkpoint and of its fp16 ONNX and int8 OpenVINO exports on the val images of a dataset."""
    exports: dict[str, tuple[str, Metrics]] = {
        "fp16 ONNX": ("onnx", {"half": True}),
        "int8 OpenVINO": ("openvino", {"int8": True}),
    }
    return {
        label: metrics_of(lambda format=format, options=options: export_model(  # type: ignore[misc]
            str(file), format, data=dataset, runs=0, imgsz=640, **options
        ))
        for label, (format, options) in exports.items()
    }  # fmt: skip


def metrics_of(export: Callable[[], Proof]) -> Metrics:
    """The metrics of a proof that the page shows."""
    try:
        proof = export()
    except YoloFineError as error:
        return {"verdict": "none", "reasons": [str(error)]}
    boxes = proof.boxes
    return {
        "verdict": proof.verdict,
        "reasons": proof.reasons,
        "max_rel_err": proof.max_rel_err,
        "mean_rel_err": proof.mean_rel_err,
        "boxes": boxes.boxes if boxes else None,
        "boxes_equal": proof.boxes_equal,
        "matched": boxes.matched if boxes else None,
        "max_conf_diff": boxes.max_conf_diff if boxes else None,
        "groups": proof.groups,
        "shapes": len(proof.cases),
        "bytes": proof.bytes,
        "nodes": proof.nodes,
        "operators": proof.operators,
        "accuracy": asdict(proof.accuracy) if proof.accuracy else None,
        "runtime": proof.runtime,
    }


if __name__ == "__main__":
    run_script(export_figures, ("python benchmarks/export.py",))
