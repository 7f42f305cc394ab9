# SPDX-License-Identifier: AGPL-3.0-or-later
"""Exports a checkpoint and proves the file, or proves a file that was made elsewhere."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError, MissingFileError
from yolo_fine.exporter.formats import (
    PROVEN,
    check_device,
    check_installed,
    find_format,
    format_of_file,
)
from yolo_fine.exporter.onnx_file import write_proof
from yolo_fine.exporter.options import check_options, wanted_precision
from yolo_fine.exporter.produce import produce, publish, scratch_beside
from yolo_fine.exporter.proof.proof import Proof
from yolo_fine.exporter.proof.trial import prepare_trial, versions
from yolo_fine.exporter.runtimes import open_runtime
from yolo_fine.exporter.settings import other_names, settings_of
from yolo_fine.integration.checkpoints import open_checkpoint
from yolo_fine.integration.export_reference import prepare_reference
from yolo_fine.integration.exporter import export_suffixes
from yolo_fine.utils.hints import did_you_mean


def export_model(
    model: str,
    format: str = "onnx",
    *,
    data: str | None = None,
    images: Path | None = None,
    threads: int | None = None,
    runs: int = 30,
    **options: Any,
) -> Proof:
    """Export a checkpoint beside itself, after proving the file.

    A file that differs gets ``.different`` into its name, and leaves an older file of the final name alone.

    Args:
        model: The checkpoint.
        format: An export format of Ultralytics.
        data: Dataset YAML for the AP of both sides, and for the calibration of int8.
        images: Folder of images to compare on; by default val images of ``data``, or else Ultralytics' samples.
        threads: CPU threads of both sides; by default PyTorch's number.
        runs: Pairs of runs for the latency; 0 leaves it out.
        options: Arguments of Ultralytics' export: ``imgsz=640``, ``dynamic=True``, ...

    Raises:
        YoloFineError: It can't be done as asked. No file is left under the final name.
    """
    format = find_format(format)
    check_options(options)
    check_device(format, options.get("device"))
    precision = wanted_precision(options)
    check_installed(format, simplify=options.get("simplify", True) is not False, int8=precision == "int8")
    checkpoint = open_file_of(model)
    trial = prepare_trial(images, data, threads, runs)
    given = {**options, "data": data} if data and precision == "int8" else options

    with scratch_beside(checkpoint) as folder:
        copy = folder / checkpoint.name
        shutil.copyfile(checkpoint, copy)
        reference = prepare_reference(copy, format, options) if format in PROVEN else None
        if reference is not None:
            trial.check(reference)
        made, told = produce(copy, format, given)
        name = made.name
        if reference is None:
            reason = f"no runtime for {format} is driven here; proven are {', '.join(PROVEN)}"
            proof = Proof(
                "not proven", [reason], file="", model="", format="", precision=precision, versions=versions()
            )
        else:
            runtime = open_runtime(made, format, threads=trial.threads, device=options.get("device"))
            if runtime.precision != precision:  # judged by what it is: limits of a coarser one would hide faults
                told.append(f"{precision} was asked for, and the file is {runtime.precision}")
            proof = trial.run(reference, runtime, dynamic=bool(options.get("dynamic")), precision=runtime.precision)
            del runtime  # some systems don't move a file that is open
            if not proof.passed:
                name = different_name(made.name, format)
        final = checkpoint.absolute().parent / name
        if format == "onnx":
            write_proof(made, replace(proof, arguments=options).summary())
        proof = replace(
            proof, file=str(final), model=model, format=format, notes=told + proof.notes, arguments=options,
            bytes=size_of(made),
        )  # fmt: skip
        publish(made, final)
    return proof


def check_file(
    file: Path,
    model: str,
    *,
    data: str | None = None,
    images: Path | None = None,
    threads: int | None = None,
    runs: int = 30,
    **options: Any,
) -> Proof:
    """Prove a file that was made elsewhere; it is only read.

    Args:
        file: The exported file or folder.
        model: The checkpoint that it should equal.
        data: As of :func:`export_model`.
        images: As of :func:`export_model`.
        threads: As of :func:`export_model`.
        runs: As of :func:`export_model`.
        options: What the file's metadata doesn't say: ``imgsz``, ``nms``, ``end2end``, ``conf``, ``iou``, ``max_det``.

    Raises:
        YoloFineError: There is no such file, or nothing here can run it.
    """
    if not file.exists():
        near = [neighbour.name for neighbour in file.parent.iterdir()] if file.parent.is_dir() else []
        raise MissingFileError(f"check={file} does not exist{did_you_mean(file.name, near)}")
    format = format_of_file(file)
    file = file.parent if file.suffix == ".xml" else file  # OpenVINO's weights and metadata lie beside its graph
    if format not in PROVEN:
        raise ArgumentError(f"check={file}: no runtime for {format} is driven here; {', '.join(PROVEN)} can be checked")
    check_options(options)
    check_device(format, options.get("device"))
    checkpoint = open_file_of(model)
    trial = prepare_trial(images, data, threads, runs)
    runtime = open_runtime(file, format, threads=trial.threads, device=options.get("device"))
    settings = {**settings_of(runtime), **options}
    if "imgsz" not in settings:
        raise ArgumentError(
            f"check={file}: the file doesn't say for which size it was made; say imgsz=640, or what it is"
        )
    with tempfile.TemporaryDirectory(prefix="yolo_fine_export_") as folder:
        copy = Path(folder) / checkpoint.name
        shutil.copyfile(checkpoint, copy)
        reference = prepare_reference(copy, format, settings)
    trial.check(reference)
    proof = trial.run(reference, runtime, dynamic=bool(settings.get("dynamic")), precision=runtime.precision)
    named = other_names(runtime, reference.names)
    if named:
        proof = replace(proof, verdict="DIFFERENT", reasons=[named, *proof.reasons])
    notes = list(proof.notes)
    if not runtime.metadata and any("of shape" in reason for reason in proof.reasons):
        notes.append("the file has no metadata of Ultralytics; end2end=True or nms=True say what head it holds")
    return replace(
        proof, file=str(file), model=model, format=format, arguments=settings, notes=notes, bytes=size_of(file)
    )


def different_name(name: str, format: str) -> str:
    """``best.onnx`` -> ``best.different.onnx``: where a file goes that is not what it should be."""
    suffix = next(end for end in (export_suffixes()[format], Path(name).suffix) if name.endswith(end))
    return f"{name.removesuffix(suffix)}.different{suffix}"


def open_file_of(model: str) -> Path:
    """The checkpoint's file, after making sure that it is one.

    Raises:
        MissingFileError: There is no such file.
        CheckpointError: It is damaged.
        ArgumentError: It is a YAML, which has no weights, or an exported file.
    """
    if model.endswith((".yaml", ".yml")):
        raise ArgumentError(f"model={model} has no weights; train it, or give it some: yolo-fine seed model={model}")
    if not model.endswith(".pt"):
        raise ArgumentError(f"model={model}: a checkpoint is exported, such as best.pt")
    return Path(str(open_checkpoint(model, argument="model").ckpt_path))


def size_of(file: Path) -> int:
    """Bytes of a file or of everything in a folder."""
    if file.is_file():
        return file.stat().st_size
    return sum(inner.stat().st_size for inner in file.rglob("*") if inner.is_file())
