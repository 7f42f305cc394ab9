# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command ``yolo-fine export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolo_fine.cli.words import call, parse_words
from yolo_fine.errors import ArgumentError
from yolo_fine.exporter.export import export
from yolo_fine.exporter.proof.proof import Proof
from yolo_fine.exporter.proof.terminal import format_proof


def run(words: Sequence[str]) -> int:
    """Export or check, print the proof, and return 0 (equal, close, not proven) or 1 (DIFFERENT).

    Args:
        words: ``key=value``, as ``model=best.pt format=onnx dynamic=True``.

    Raises:
        YoloFineError: It can't be done as asked.
    """
    _, pairs = parse_words(words)
    json = None if pairs.get("json") is None else Path(str(pairs["json"]))
    if json is not None and json.is_dir():
        raise ArgumentError(f"json={json} is a folder; name a file")
    if "model" in pairs and "check" not in pairs:
        print(f"exporting {pairs['model']} to {pairs.get('format') or 'onnx'} ...", flush=True)
    proof: Proof = call(export, [word for word in words if not word.startswith("json=")])
    print(format_proof(proof))
    if json is not None:  # last: if it can't be written, the proof has been read at least
        proof.to_json(json)
    return 0 if proof.passed else 1
