# SPDX-License-Identifier: AGPL-3.0-or-later
"""Exports a checkpoint and proves the file, or proves a file that was made elsewhere."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError, MissingFileError
from yolo_fine.exporter.checkpoint import open_for_export
from yolo_fine.exporter.formats import PROVEN, check_device, check_installed, find_format, format_of_file
from yolo_fine.exporter.onnx_file import write_proof
from yolo_fine.exporter.options import wanted_precision
from yolo_fine.exporter.produce import DFLForm, produce, publish, scratch_in
from yolo_fine.exporter.proof.proof import Proof
from yolo_fine.exporter.proof.trial import Trial, prepare_trial, versions
from yolo_fine.exporter.runtimes import open_runtime
from yolo_fine.exporter.settings import other_names, settings_of
from yolo_fine.integration.export_reference import prepare_reference
from yolo_fine.integration.exporter import export_suffixes
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.paths import ModelSource


def export_model(
    model: ModelSource,
    format: str = "onnx",
    *,
    data: str | None = None,
    images: Path | None = None,
    threads: int | None = None,
    runs: int = 30,
    dfl: DFLForm = "matmul",
    **options: Any,
) -> Proof:
    """Export a checkpoint beside itself, after proving the file: see :func:`yolo_fine.exporter.export.export`.

    An older file of the final name is replaced only by a proven one. A file that differs gets ``.different`` into its
    name; one that could not be proven gets ``.unproven`` where an older file has the name.

    Raises:
        YoloFineError: It can't be done as asked. No file is left under the final name.
    """
    format = find_format(format)
    check_device(format, options.get("device"))
    int8 = wanted_precision(options) == "int8"
    check_installed(format, simplify=options.get("simplify", True) is not False, int8=int8)
    checkpoint = open_for_export(model)
    trial = prepare_trial(images, data, threads, runs)
    place = checkpoint.file.absolute().parent
    with scratch_in(place, "the exported file comes beside the checkpoint") as folder:
        copy = checkpoint.copy_to(folder)
        made, proof = _make_and_prove(copy, format, trial, dfl, options)
        final = place / made.name
        notes = list(proof.notes)
        if not proof.passed:
            final = final.with_name(marked(made.name, format, "different"))
        elif os.path.lexists(final) and proof.verdict == "not proven":
            notes.append(f"{final.name} was there before and is kept, because this file is not proven")
            final = final.with_name(marked(made.name, format, "unproven"))
        elif os.path.lexists(final):
            notes.append(f"it replaces the {final.name} that was there before")
        if format == "onnx":
            write_proof(made, replace(proof, arguments=options).for_metadata())
        proof = replace(
            proof, file=str(final), model=checkpoint.name, format=format, notes=notes, arguments=options,
            bytes=size_of(made),
        )  # fmt: skip
        publish(made, final)
    return proof


def _make_and_prove(copy: Path, format: str, trial: Trial, dfl: DFLForm, options: dict[str, Any]) -> tuple[Path, Proof]:
    """Export the checkpoint of a scratch folder there, and try the file."""
    precision = wanted_precision(options)
    given = {**options, "data": trial.data} if trial.data and precision == "int8" else options
    if format not in PROVEN:
        made, told = produce(copy, format, given)
        reason = f"no runtime for {format} is driven here; proven are {', '.join(PROVEN)}"
        return made, Proof("not proven", [reason], precision=precision, versions=versions(), notes=told)
    reference = prepare_reference(copy, format, options)
    trial.check(reference)
    made, told = produce(copy, format, given, dfl)
    runtime = open_runtime(made, format, threads=trial.threads, device=options.get("device"))
    if runtime.precision != precision:  # judged by what it is: limits of a coarser one would hide faults
        told.append(f"{precision} was asked for, and the file is {runtime.precision}")
    proof = trial.run(reference, runtime, dynamic=bool(options.get("dynamic")), precision=runtime.precision)
    return made, replace(proof, notes=told + proof.notes)


def check_file(
    file: Path,
    model: ModelSource,
    *,
    data: str | None = None,
    images: Path | None = None,
    threads: int | None = None,
    runs: int = 30,
    **options: Any,
) -> Proof:
    """Prove a file that was made elsewhere; it is only read: see :func:`yolo_fine.exporter.export.export`.

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
    check_device(format, options.get("device"))
    checkpoint = open_for_export(model)
    trial = prepare_trial(images, data, threads, runs)
    runtime = open_runtime(file, format, threads=trial.threads, device=options.get("device"))
    settings = {**settings_of(runtime), **options}
    if "imgsz" not in settings:
        raise ArgumentError(
            f"check={file}: the file doesn't say for which size it was made; say imgsz=640, or what it is"
        )
    with scratch_in(Path(tempfile.gettempdir()), "the checkpoint is prepared there") as folder:
        reference = prepare_reference(checkpoint.copy_to(folder), format, settings)
    trial.check(reference)
    proof = trial.run(reference, runtime, dynamic=bool(settings.get("dynamic")), precision=runtime.precision)
    named = other_names(runtime, reference.names)
    if named:
        proof = replace(proof, verdict="DIFFERENT", reasons=[named, *proof.reasons])
    notes = list(proof.notes)
    if not runtime.metadata and any("of shape" in reason for reason in proof.reasons):
        notes.append("the file has no metadata of Ultralytics; end2end=True or nms=True say what head it holds")
    return replace(
        proof, file=str(file), model=checkpoint.name, format=format, arguments=settings, notes=notes,
        bytes=size_of(file),
    )  # fmt: skip


def marked(name: str, format: str, word: str) -> str:
    """``best.onnx`` -> ``best.different.onnx``: where a file goes that must not take the final name."""
    suffix = next(end for end in (export_suffixes()[format], Path(name).suffix) if name.endswith(end))
    return f"{name.removesuffix(suffix)}.{word}{suffix}"


def size_of(file: Path) -> int:
    """Bytes of a file or of everything in a folder."""
    if file.is_file():
        return file.stat().st_size
    return sum(inner.stat().st_size for inner in file.rglob("*") if inner.is_file())
