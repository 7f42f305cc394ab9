# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine export``: a file that is proven to give what the checkpoint gives, or the proof of a given file alone."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.exporter.options import check_options, with_size
from yolo_fine.exporter.produce import DFLForm
from yolo_fine.exporter.proof.proof import Proof
from yolo_fine.exporter.prove import check_file, export_model
from yolo_fine.utils.calls import public
from yolo_fine.utils.paths import ModelSource, StrPath


@public
def export(
    model: ModelSource,
    format: str | None = None,
    *,
    check: StrPath | None = None,
    data: StrPath | None = None,
    images: StrPath | None = None,
    threads: int | None = None,
    runs: int = 30,
    dfl: DFLForm = "matmul",
    json: StrPath | None = None,
    **options: Any,
) -> Proof:
    """Export a checkpoint beside itself after proving the file, or prove a file that was made elsewhere.

    Args:
        model: The checkpoint, or a ``YOLO`` that holds its weights.
        format: An export format of Ultralytics; by default ``onnx``.
        check: A file made elsewhere, to be compared with the model instead of exporting it; it is only read.
        data: Dataset YAML, for the AP of both sides and for the calibration of int8.
        images: Folder of images to compare on; by default val images of ``data``, or else Ultralytics' samples.
        threads: CPU threads of both sides; by default PyTorch's number.
        runs: Pairs of runs for the latency; 0 leaves it out.
        dfl: Form of the boxes' mean distances in an ONNX file: ``matmul``, which onnxruntime computes much faster, or
            ``softmax``, the operators that `yolo export` writes.
        json: Write the proof to this file too.
        options: Arguments of Ultralytics' export: ``imgsz=640``, ``dynamic=True``, ... For ``check``, what the file's
            metadata doesn't say: ``imgsz``, ``nms``, ``end2end``, ``conf``, ``iou``, ``max_det``.

    Returns:
        The proof: ``.verdict`` is ``equal``, ``close``, ``DIFFERENT`` or ``not proven``, ``.file`` is what was made.

    Raises:
        YoloFineError: It can't be done as asked. No file is left under the final name.
    """
    options = with_size(options)
    check_options(options, own=inspect.signature(export).parameters)
    common: dict[str, Any] = {
        "data": None if data is None else os.fspath(data),
        "images": None if images is None else Path(images),
        "threads": threads,
        "runs": runs,
    }
    if check is None:
        proof = export_model(model, format or "onnx", dfl=dfl, **common, **options)
    elif format is None:
        proof = check_file(Path(check), model, **common, **options)
    else:
        raise ArgumentError(f"format={format}: a file to check shows its format itself; leave it out")
    if json is not None:
        proof.to_json(json)
    return proof
