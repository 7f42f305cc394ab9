# SPDX-License-Identifier: AGPL-3.0-or-later
"""Exports a checkpoint and proves the file, or proves a file that was made elsewhere."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from yolo_fine import __version__
from yolo_fine.errors import ArgumentError, MissingFileError
from yolo_fine.export.accuracy import compare_accuracy
from yolo_fine.export.formats import PROVEN, check_device, check_installed, export_suffixes, find_format, format_of_file
from yolo_fine.export.onnx_file import PROOF_KEY, write_proof
from yolo_fine.export.operators import check_operators
from yolo_fine.export.options import check_options, wanted_precision
from yolo_fine.export.pictures import read_pictures
from yolo_fine.export.produce import produce, publish, scratch_beside
from yolo_fine.export.proof import Proof, compare, shapes_to_prove, time_both, torch_threads
from yolo_fine.export.reference import Reference, prepare_reference
from yolo_fine.export.runtimes import Runtime, open_runtime
from yolo_fine.integration.checkpoints import open_checkpoint
from yolo_fine.registry import did_you_mean


def export_model(
    model: str,
    format: str = "onnx",
    *,
    data: str | None = None,
    pictures: Path | None = None,
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
        pictures: Folder of pictures to compare on; by default Ultralytics' two sample pictures.
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
    checkpoint = _checkpoint(model)
    samples, truth = read_pictures(pictures), _read_truth(data)
    given = {**options, "data": data} if data and precision == "int8" else options

    with scratch_beside(checkpoint) as folder:
        copy = folder / checkpoint.name
        shutil.copyfile(checkpoint, copy)
        reference = prepare_reference(copy, format, options) if format in PROVEN else None
        made, told = produce(copy, format, given)
        final = checkpoint.absolute().parent / made.name
        if reference is None:
            reason = f"no runtime for {format} is driven here; proven are {', '.join(PROVEN)}"
            proof = Proof("not proven", [reason], str(final), model, format, notes=told, arguments=options,
                          precision=precision, bytes=_size(made), versions=_versions())  # fmt: skip
        else:
            runtime = open_runtime(made, format, threads=_threads(threads), device=options.get("device"))
            proof = _prove(reference, runtime, samples, bool(options.get("dynamic")), precision, threads, runs)
            if truth is not None and data is not None and not any(case.failure for case in proof.cases[:1]):
                proof.accuracy = compare_accuracy(reference, runtime.run, truth, data)
            if not proof.passed:
                final = final.with_name(different_name(made.name, format))
            proof = replace(proof, file=str(final), model=model, format=format, notes=told + proof.notes,
                            arguments=options, bytes=_size(made))  # fmt: skip
            del runtime
        if format == "onnx":
            write_proof(made, proof.summary())
        publish(made, final)
    return proof


def check_file(
    file: Path,
    model: str,
    *,
    data: str | None = None,
    pictures: Path | None = None,
    threads: int | None = None,
    runs: int = 30,
    **options: Any,
) -> Proof:
    """Prove a file that was made elsewhere; it is only read.

    Args:
        file: The exported file or folder.
        model: The checkpoint that it should equal.
        data: As of :func:`export_model`.
        pictures: As of :func:`export_model`.
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
    if format not in PROVEN:
        raise ArgumentError(f"check={file}: no runtime for {format} is driven here; {', '.join(PROVEN)} can be checked")
    check_options(options)
    check_device(format, options.get("device"))
    checkpoint = _checkpoint(model)
    samples, truth = read_pictures(pictures), _read_truth(data)
    runtime = open_runtime(file, format, threads=_threads(threads), device=options.get("device"))
    settings = {**_settings_of(runtime, file), **options}
    with tempfile.TemporaryDirectory(prefix="yolo_fine_export_") as folder:
        copy = Path(folder) / checkpoint.name
        shutil.copyfile(checkpoint, copy)
        reference = prepare_reference(copy, format, settings)
    proof = _prove(reference, runtime, samples, bool(settings.get("dynamic")), runtime.precision, threads, runs)
    if truth is not None and data is not None and not any(case.failure for case in proof.cases[:1]):
        proof.accuracy = compare_accuracy(reference, runtime.run, truth, data)
    if not runtime.metadata and any("of shape" in reason for reason in proof.reasons):
        proof.notes.append("the file has no metadata of Ultralytics; end2end=True or nms=True say what head it holds")
    return replace(proof, file=str(file), model=model, format=format, arguments=settings, bytes=_size(file))


def different_name(name: str, format: str) -> str:
    """``best.onnx`` -> ``best.different.onnx``: where a file goes that is not what it should be."""
    suffix = export_suffixes()[format]
    stem = name.removesuffix(suffix)
    return f"{stem}.different{name[len(stem):]}"


def _prove(
    reference: Reference, runtime: Runtime, samples: list[Any], dynamic: bool, precision: str, threads: int | None,
    runs: int,
) -> Proof:  # fmt: skip
    """Compare an opened file with its reference, and time both."""
    claims = {"sizes": dynamic, "batches": dynamic}
    if runtime.shape and not dynamic:
        claims = {"sizes": None in runtime.shape[2:], "batches": runtime.shape[0] is None}
    notes = []
    if claims["batches"] and reference.floor and reference.batch == 1:
        claims["batches"] = False
        notes.append("embedded NMS is unrolled for one picture: for several at once, export with batch=N")
    with torch_threads(_threads(threads)):
        found = compare(reference, runtime, samples, shapes_to_prove(reference, **claims), precision)
        broken = bool(found["cases"][0].failure)
        latency = None if broken or runs < 1 else time_both(reference, runtime, samples, runs, _threads(threads))
    found["notes"] = notes + found["notes"]
    return Proof(
        **found, file="", model="", format="", runtime=runtime.name, precision=precision, imgsz=reference.imgsz,
        dynamic=claims["sizes"], latency=latency, latency_ratio=latency.ratio if latency else None,
        opset=runtime.opset, nodes=sum(runtime.operators.values()) or None, operators=runtime.operators,
        other_runtimes=check_operators(runtime.operators) if runtime.opset else {}, versions=_versions(),
    )  # fmt: skip


def _checkpoint(model: str) -> Path:
    """The checkpoint's file.

    Raises:
        ArgumentError: It is a YAML, which has no weights, or an exported file.
    """
    if model.endswith((".yaml", ".yml")):
        raise ArgumentError(f"model={model} has no weights; train it, or make a checkpoint: yolo-fine seed model={model}")
    if not model.endswith(".pt"):
        raise ArgumentError(f"model={model}: a checkpoint is exported, such as best.pt")
    return Path(str(open_checkpoint(model, argument="model").ckpt_path))


def _read_truth(data: str | None) -> Any:
    """The val split, read before anything takes long."""
    if data is None:
        return None
    from yolo_fine.evaluation.yolo_labels import read_split

    return read_split(data, "val")


def _settings_of(runtime: Runtime, file: Path) -> dict[str, Any]:
    """Arguments of the export that made a file, from its metadata or else its input's shape.

    Raises:
        ArgumentError: The file doesn't say its size.
    """
    from ultralytics.cfg import DEFAULT_CFG_DICT

    said, used = runtime.metadata, runtime.metadata.get("args", {})
    settings: dict[str, Any] = {}
    size = said.get("imgsz") or [side for side in runtime.shape[2:] if side]
    if len(size) == 2:
        settings["imgsz"] = [int(side) for side in size]
    settings["batch"] = int(said.get("batch") or (runtime.shape[0] if runtime.shape else None) or 1)
    settings["dynamic"] = bool(used.get("dynamic")) or None in runtime.shape[2:]
    if used.get("nms") is not None:
        settings["nms"] = used["nms"]
    if said.get("end2end") or ("end2end" in said and "end2end" in DEFAULT_CFG_DICT):
        settings["end2end"] = bool(said["end2end"])
    written = said.get(PROOF_KEY)
    before = json.loads(written).get("arguments", {}) if isinstance(written, str) else {}
    settings.update({key: before[key] for key in ("conf", "iou", "max_det", "agnostic_nms") if key in before})
    return settings


def _threads(threads: int | None) -> int:
    import torch

    if threads is not None and threads < 1:
        raise ArgumentError(f"threads={threads}: at least 1")
    return threads or torch.get_num_threads()


def _size(file: Path) -> int:
    """Bytes of a file or of everything in a folder."""
    if file.is_file():
        return file.stat().st_size
    return sum(inner.stat().st_size for inner in file.rglob("*") if inner.is_file())


def _versions() -> dict[str, str]:
    import torch
    import ultralytics

    return {"yolo_fine": __version__, "ultralytics": ultralytics.__version__, "torch": str(torch.__version__)}
