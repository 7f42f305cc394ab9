# SPDX-License-Identifier: AGPL-3.0-or-later
"""Export formats: their names, the suffix of their files, and the packages that making and proving them needs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from yolo_fine.errors import ArgumentError
from yolo_fine.integration.exporter import export_suffixes
from yolo_fine.utils.hints import did_you_mean

PROVEN = ("onnx", "torchscript", "openvino", "engine")  # formats whose runtime this package drives
ALIASES = {"tensorrt": "engine", "trt": "engine", "mlpackage": "coreml", "tflite": "litert"}  # Ultralytics' own
INSTALL = {
    "onnx": 'pip install "yolo-fine[export]"',
    "onnxruntime": 'pip install "yolo-fine[export]"',
    "onnxslim": 'pip install "yolo-fine[export]", or say simplify=False',
    "openvino": "pip install openvino",
    "nncf": "pip install nncf",
    "tensorrt": "pip install tensorrt",
}


def find_format(name: str) -> str:
    """The format of that name, in Ultralytics' spelling.

    Raises:
        ArgumentError: Ultralytics has no such format.
    """
    formats = export_suffixes()
    word = name.lower()
    word = ALIASES.get(word, word) if word not in formats else word
    if word in formats:
        return word
    if word in ("pt", "pth", "pytorch"):
        raise ArgumentError(f"format={name}: the checkpoint is that already; export to one of {', '.join(formats)}")
    raise ArgumentError(
        f"format={name} is unknown{did_you_mean(word, formats)}; this Ultralytics exports to {', '.join(formats)}"
    )


def format_of_file(file: Path) -> str:
    """The format of an exported file, by its name.

    Raises:
        ArgumentError: The name ends like no format.
    """
    if file.suffix == ".xml":
        return "openvino"
    fits = {name: suffix for name, suffix in export_suffixes().items() if file.name.endswith(suffix)}
    if not fits:
        raise ArgumentError(f"check={file}: the name shows no export format; files end in .onnx, .torchscript, ...")
    return max(fits, key=lambda name: len(fits[name]))


def check_installed(format: str, *, simplify: bool, int8: bool) -> None:
    """Refuse what can't work for want of a package, before Ultralytics tries to install it.

    Raises:
        ArgumentError: Names the package and the command that installs it.
    """
    needed = {
        "onnx": ["onnx", "onnxruntime", *["onnxslim"] * simplify],
        "openvino": ["openvino", *["nncf"] * int8],
        "engine": ["onnx", *["onnxslim"] * simplify, "tensorrt"],
    }.get(format, [])
    for package in needed:
        if importlib.util.find_spec(package) is None:
            raise ArgumentError(f"format={format}: {package} is not installed: {INSTALL[package]}")


def cuda_number(device: object) -> int | None:
    """Number of the one CUDA device that ``device=0``, ``device=cuda`` or ``device=cuda:1`` names, else None."""
    word = str(device).lower()
    number = "0" if word == "cuda" else word.removeprefix("cuda:")
    return int(number) if number.isdigit() else None


def check_device(format: str, device: object) -> None:
    """Refuse a GPU that is not here.

    Raises:
        ArgumentError: There is no CUDA device, or none of that number.
    """
    import torch

    number = cuda_number(device)
    if number is None and format == "engine":
        number = 0
    if number is None or (torch.cuda.is_available() and number < torch.cuda.device_count()):
        return
    here = f"{torch.cuda.device_count()} CUDA devices" if torch.cuda.is_available() else "no CUDA device"
    if format == "engine":
        raise ArgumentError(f"format=engine: TensorRT builds engines on an NVIDIA GPU, and there is {here} here")
    raise ArgumentError(f"device={device} is not available: there is {here} here; device=cpu always is")
