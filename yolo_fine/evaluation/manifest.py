# SPDX-License-Identifier: AGPL-3.0-or-later
"""The manifest of an evaluation: what it takes to make it again, and to know whether two may be compared."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.formats.fingerprint import data_fingerprint
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.utils.paths import ModelSource

PACKAGES = ("yolo-fine", "ultralytics", "torch", "torchvision", "hotcoco", "numpy", "scipy", "opencv-python", "sahi")
# Arguments that change a model's boxes.
PREDICTION = ("imgsz", "conf", "iou", "multi_label", "allow_missing", "slice", "overlap", "full_pass", "half")
# What must be the same in two evaluations before their metrics may be compared: path in the manifest -> how to say it.
COMPARABLE = {
    ("data", "fingerprint"): "the annotated objects",
    ("protocols",): "the protocols",
    ("max_det",): "max_det",
    ("sizes",): "the size bins",
}


def build_manifest(
    truth: GroundTruth, kind: str, model: ModelSource | None, protocols: list[str], arguments: dict[str, Any]
) -> dict[str, Any]:
    """Versions, the model's hash, the data's fingerprint and every argument.

    Args:
        truth: The annotated objects.
        kind: The kind of file they come from: visdrone, coco or yolo.
        model: The model, or None when the boxes come from a file.
        protocols: ``coco``, ``visdrone`` or both: those that were computed.
        arguments: Every argument of the evaluation, as given or by default.
    """
    return {
        "versions": {"python": platform.python_version(), **package_versions()},
        "model": None if model is None else _model_entry(model),
        "assignment": None,  # is filled in when the model is opened
        "data": {
            "kind": kind,
            "images": len(truth.names),
            "objects": int(np.isin(truth.category, list(truth.classes)).sum()),
            "classes": list(truth.classes.values()),
            "fingerprint": data_fingerprint(truth),
        },
        "protocols": protocols,
        "max_det": arguments["max_det"],
        "sizes": arguments["sizes"],
        "arguments": {key: _plain(value) for key, value in arguments.items()},
    }


def _model_entry(model: ModelSource) -> dict[str, str | None]:
    """File and hash of a model; a loaded one has no hash, because its file may hold other weights."""
    if isinstance(model, (str, os.PathLike)):
        return {"file": os.fspath(model), "sha256": file_hash(Path(model))}
    return {"file": str(getattr(model, "ckpt_path", None) or type(model).__name__), "sha256": None}


def _plain(value: Any) -> Any:
    """An argument as JSON knows it: paths and loaded models as text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return os.fspath(value) if isinstance(value, os.PathLike) else type(value).__name__


def package_versions() -> dict[str, str]:
    """Versions of the packages that influence the metrics; those that aren't installed are left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def file_hash(file: Path) -> str | None:
    """SHA-256 of a file, or of all files of a folder (an exported model may be one); None if it isn't there."""
    files = sorted(path for path in file.rglob("*") if path.is_file()) if file.is_dir() else [file]
    if not all(path.is_file() for path in files):
        return None
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def check_comparable(ours: dict[str, Any], theirs: dict[str, Any], file: Path) -> None:
    """Check that two evaluations measure the same thing.

    Raises:
        ArgumentError: They differ in data, protocol, size bins or maxDets; the message names every difference.
    """
    differences = []
    for path, what in COMPARABLE.items():
        mine, other = _at(ours, path), _at(theirs, path)
        if mine != other:
            differences.append(f"{what} ({mine} here, {other} there)")
    if differences:
        raise ArgumentError(f"compare={file} is another measurement and can't be compared: {'; '.join(differences)}")


def differing_arguments(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, list[Any]]:
    """Arguments that change the boxes and differ between two predictions: name -> [ours, theirs]."""
    if not (ours.get("model") and theirs.get("model")):
        return {}
    pairs = {key: [_at(manifest, ("arguments", key)) for manifest in (ours, theirs)] for key in PREDICTION}
    return {key: values for key, values in pairs.items() if values[0] != values[1]}


def _at(manifest: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = manifest
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
