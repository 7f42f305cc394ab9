# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an ONNX file says about itself: its operators, its precision, and the proof that is written into it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

PROOF_KEY = "yolo_fine_proof"
QUANTISED = {
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "QLinearConv",
    "ConvInteger",
    "MatMulInteger",
}


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those inside ``If`` and ``Loop`` too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from nodes_of(inner)


def count_operators(model: onnx.ModelProto) -> dict[str, int]:
    """Operator -> how often it occurs, by name; operators outside ONNX's own domain carry theirs as a prefix."""
    counts: dict[str, int] = {}
    for node in nodes_of(model.graph):
        name = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def precision_of(model: onnx.ModelProto) -> str:
    """``int8`` if anything is quantised, else ``fp16`` or ``fp32``, whichever holds more weights."""
    from onnx import TensorProto

    if any(node.op_type in QUANTISED for node in nodes_of(model.graph)):
        return "int8"
    numbers = dict.fromkeys((TensorProto.FLOAT, TensorProto.FLOAT16), 0)
    for tensor in model.graph.initializer:
        if tensor.data_type in numbers:
            size = 1
            for side in tensor.dims:
                size *= side
            numbers[tensor.data_type] += size
    return "fp16" if numbers[TensorProto.FLOAT16] > numbers[TensorProto.FLOAT] else "fp32"


def write_proof(file: Path, proof: dict[str, Any]) -> None:
    """Put a summary of the proof into the file's metadata, under :data:`PROOF_KEY`, as JSON."""
    import onnx

    model = onnx.load(str(file))
    kept = [entry for entry in model.metadata_props if entry.key != PROOF_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    entry = model.metadata_props.add()
    entry.key, entry.value = PROOF_KEY, json.dumps(proof)
    onnx.save(model, str(file))


def read_proof(file: Path) -> dict[str, Any] | None:
    """The summary that :func:`write_proof` put there, if any."""
    import onnx

    model = onnx.load(str(file), load_external_data=False)
    return next((json.loads(entry.value) for entry in model.metadata_props if entry.key == PROOF_KEY), None)
