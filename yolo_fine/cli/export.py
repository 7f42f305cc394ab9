# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command ``yolo-fine export``: own arguments are checked here, all others are Ultralytics' and handed through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from yolo_fine.cli.words import call, parse_words
from yolo_fine.errors import ArgumentError
from yolo_fine.exporter.options import check_options, with_size
from yolo_fine.exporter.proof.terminal import format_proof
from yolo_fine.exporter.prove import check_file, export_model
from yolo_fine.utils.files import write_json


@dataclass(frozen=True)
class Request:
    """The command's own arguments.

    Attributes:
        model: The checkpoint.
        format: An export format of Ultralytics.
        check: A file made elsewhere, to be compared with the model instead of exporting it.
        data: Dataset YAML, for the AP of both sides and for the calibration of int8.
        images: Folder of images to compare on.
        threads: CPU threads of both sides.
        runs: Pairs of runs for the latency; 0 leaves it out.
        json: Write everything to this file.
    """

    model: str
    format: str = "onnx"
    check: Path | None = None
    data: str | None = None
    images: Path | None = None
    threads: int | None = None
    runs: int = 30
    json: Path | None = None


def run(words: Sequence[str]) -> int:
    """Export or check, print the proof, and return 0 (equal, close, not proven) or 1 (DIFFERENT).

    Args:
        words: ``key=value``, as ``model=best.pt format=onnx dynamic=True``.

    Raises:
        YoloFineError: It can't be done as asked.
    """
    own = {field.name for field in fields(Request)}
    names, pairs = parse_words(words)
    request: Request = call(Request, [*names, *(word for word in words if word.partition("=")[0] in own)])
    options = with_size({key: value for key, value in pairs.items() if key not in own})
    check_options(options, own)
    if request.json is not None and request.json.is_dir():
        raise ArgumentError(f"json={request.json} is a folder; name a file")
    common: dict[str, Any] = {
        "data": request.data,
        "images": request.images,
        "threads": request.threads,
        "runs": request.runs,
    }
    if request.check is not None:
        if "format" in pairs:
            raise ArgumentError(f"format={request.format}: a file to check shows its format itself; leave it out")
        proof = check_file(request.check, request.model, **common, **options)
    else:
        print(f"exporting {request.model} to {request.format} ...", flush=True)
        proof = export_model(request.model, request.format, **common, **options)
    print(format_proof(proof))
    if request.json is not None:  # last: if it can't be written, the proof has been read at least
        write_json(request.json, proof.as_dict())
    return 0 if proof.passed else 1
