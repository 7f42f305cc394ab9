# SPDX-License-Identifier: AGPL-3.0-or-later
"""Exported files, run by the runtime they are made for: onnxruntime, OpenVINO, torch.jit, TensorRT.

Files of other formats are not run here. A runtime computes in the precision of the file: where OpenVINO or a GPU would
round float32 to something coarser to be faster, it is told not to.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.exporter.formats import check_installed, cuda_number
from yolo_fine.exporter.options import wanted_precision
from yolo_fine.integration.export_reference import arrays_in
from yolo_fine.integration.exporter import open_engine
from yolo_fine.integration.log import quiet_ultralytics, short
from yolo_fine.utils.arrays import Array


@dataclass(frozen=True)
class Runtime:
    """An opened file.

    Attributes:
        name: Runtime and version.
        run: Images (batch, 3, height, width), float32, 0 to 1 -> raw outputs, float32.
        metadata: What Ultralytics wrote into the file; empty for files made otherwise.
        shape: Of the input, with None where the file takes any number; empty where the file doesn't say.
        operators: Operator -> how often it occurs; empty where the runtime doesn't tell.
        precision: ``fp32``, ``fp16`` or ``int8``: how most of the weights are stored or computed.
        opset: Of an ONNX file.
    """

    name: str
    run: Callable[[Array], list[Array]]
    metadata: dict[str, Any]
    shape: tuple[int | None, ...] = ()
    operators: dict[str, int] = field(default_factory=dict)
    precision: str = "fp32"
    opset: int | None = None


def open_runtime(file: Path, format: str, *, threads: int, device: object = None) -> Runtime:
    """Load an exported file.

    Args:
        file: The file or folder.
        format: One of :data:`yolo_fine.exporter.formats.PROVEN`.
        threads: CPU threads.
        device: A CUDA device for ``onnx``, ``torchscript`` and ``engine``; everything else means the CPU.

    Raises:
        ArgumentError: The runtime is not installed, or can't load the file.
    """
    openers: dict[str, Callable[[Path, int, object], Runtime]] = {
        "onnx": _open_onnx,
        "openvino": _open_openvino,
        "torchscript": _open_torchscript,
        "engine": _open_engine,
    }
    check_installed(format, simplify=False, int8=False)
    try:
        with quiet_ultralytics():
            return openers[format](file, threads, device)
    except ArgumentError:
        raise
    except Exception as error:  # each runtime has its own kinds for one condition: it can't load this file
        raise ArgumentError(f"{file} can't be loaded as {format}: {short(error)}") from error


def _open_onnx(file: Path, threads: int, device: object) -> Runtime:
    import onnx
    import onnxruntime

    from yolo_fine.exporter.onnx_file import count_operators, precision_of

    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads, session_options.inter_op_num_threads = threads, 1
    session_options.log_severity_level = 3
    providers: list[Any] = ["CPUExecutionProvider"]
    number = cuda_number(device)
    if number is not None and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": number, "use_tf32": 0}))
    session = onnxruntime.InferenceSession(str(file), session_options, providers=providers)
    entry = session.get_inputs()[0]
    kind = np.float16 if entry.type == "tensor(float16)" else np.float32

    def run(images: Array) -> list[Array]:
        return [np.asarray(y, np.float32) for y in session.run(None, {entry.name: images.astype(kind, copy=False)})]

    model = onnx.load(str(file))
    return Runtime(
        name=f"onnxruntime {onnxruntime.__version__} ({session.get_providers()[0].removesuffix('ExecutionProvider')})",
        run=run,
        metadata=read_values(session.get_modelmeta().custom_metadata_map),
        shape=tuple(side if isinstance(side, int) else None for side in entry.shape),
        operators=count_operators(model),
        precision=precision_of(model),
        opset=next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), None),
    )


def _open_openvino(file: Path, threads: int, device: object) -> Runtime:
    import openvino
    import yaml

    graph_file = file if file.is_file() else next(iter(sorted(file.glob("*.xml"))), None)
    if graph_file is None:
        raise ArgumentError(f"{file} holds no OpenVINO model: there is no .xml file in it")
    core = openvino.Core()
    graph = core.read_model(str(graph_file))
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(graph, "CPU", settings)
    notes = graph_file.with_name("metadata.yaml")
    operators: dict[str, int] = {}
    for operator in graph.get_ops():
        if operator.get_type_name() in ("Constant", "Parameter", "Result"):
            continue
        operators[operator.get_type_name()] = operators.get(operator.get_type_name(), 0) + 1
    weights = [op.get_element_type().get_type_name() for op in graph.get_ops() if op.get_type_name() == "Constant"
               and op.get_output_shape(0) and np.prod(op.get_output_shape(0)) > 64]  # fmt: skip

    def run(images: Array) -> list[Array]:
        return [np.array(y, np.float32) for y in compiled(images).values()]  # the buffers are used again

    return Runtime(
        name=f"OpenVINO {openvino.__version__.split('-')[0]} (CPU)",
        run=run,
        metadata=yaml.safe_load(notes.read_text(encoding="utf-8")) if notes.is_file() else {},
        shape=tuple(None if side.is_dynamic else side.get_length() for side in graph.inputs[0].partial_shape),
        operators=operators,
        precision="int8" if "FakeQuantize" in operators or "i8" in weights
        else "fp16" if weights.count("f16") > weights.count("f32") else "fp32",
    )  # fmt: skip


def _open_torchscript(file: Path, threads: int, device: object) -> Runtime:
    import torch
    import torchvision  # type: ignore[import-untyped]  # noqa: F401 (the file may hold its NMS)

    extra = {"config.txt": ""}
    number = cuda_number(device)
    place = torch.device("cpu" if number is None else f"cuda:{number}")
    network: Any = torch.jit.load(str(file), map_location=place, _extra_files=extra)  # type: ignore[no-untyped-call,unused-ignore]
    kind = next((parameter.dtype for parameter in network.parameters()), torch.float32)

    def run(images: Array) -> list[Array]:
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            return list(arrays_in(network(torch.from_numpy(images).to(place, kind))))

    written = extra["config.txt"]
    return Runtime(
        name=f"torch.jit {torch.__version__} ({place.type.upper()})",
        run=run,
        metadata=json.loads(written) if written else {},
        precision="fp16" if kind == torch.float16 else "fp32",
    )


def _open_engine(file: Path, threads: int, device: object) -> Runtime:
    """TensorRT by Ultralytics' own backend."""
    import tensorrt
    import torch

    if not torch.cuda.is_available():
        raise ArgumentError(f"{file}: a TensorRT engine runs on an NVIDIA GPU, and no CUDA device is here")
    place = torch.device(f"cuda:{cuda_number(device) or 0}")
    backend = open_engine(file, place)

    def run(images: Array) -> list[Array]:
        with torch.inference_mode():
            return list(arrays_in(backend(torch.from_numpy(images).to(place))))

    with file.open("rb") as stream:  # Ultralytics' header: its length, and JSON
        length = int.from_bytes(stream.read(4), "little", signed=True)
        metadata = json.loads(stream.read(length).decode()) if 0 < length < 1 << 20 else {}
    arguments = metadata.get("args", {})
    free = bool(arguments.get("dynamic"))
    size = metadata.get("imgsz", [640, 640])
    return Runtime(
        name=f"TensorRT {tensorrt.__version__} ({torch.cuda.get_device_name(place)})",
        run=run,
        metadata=metadata,
        shape=(None, 3, None, None) if free else (int(metadata.get("batch", 1)), 3, int(size[0]), int(size[1])),
        precision=wanted_precision(arguments),
    )


def read_values(texts: dict[str, str]) -> dict[str, Any]:
    """Metadata that a format keeps as text (``"[640, 640]"``) as values; what is no literal stays a text."""
    values: dict[str, Any] = {}
    for key, text in texts.items():
        try:
            values[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            values[key] = text
    return values
