# SPDX-License-Identifier: AGPL-3.0-or-later
"""Packaged models as ONNX files: lean blocks without control flow, and a sample that equals PyTorch as a whole.

``python benchmarks/export.py`` does all models whole, with pretrained weights: docs/export_figures.md.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

from tests.composer.test_every_block_exports import randomise_gains, settle
from yolo_fine.catalog import list_blocks
from yolo_fine.exporter.onnx_file import count_operators
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.versions import installed_version
from yolo_fine.integration.yaml_text import read_model

CONTROL_FLOW = {"Loop", "If", "Scan", "SequenceAt", "SequenceInsert", "SequenceConstruct"}
LARGEST = 5e-4  # random networks amplify what rounds more than trained ones do, which stay within 1e-4
# Most operators of a block in a static and in a dynamic file, after onnxslim.
MOST = {
    "AFF": (20, 30),
    "CARAFE": (95, 110),
    "CBAM": (25, 30),
    "DCDC": (56, 85),
    "DilatedContext": (55, 60),
    "DilatedFusion": (35, 50),
    "DySample": (66, 125),
    "EMA": (70, 110),
    "FINE": (66, 180),
    "FINEConcat": (68, 185),
    "GC": (15, 30),
    "LCCM": (36, 110),
    "LDAAQU": (135, 245),
    "MSCAM": (20, 22),
    "Res2Net": (25, 27),
    "RFB": (30, 32),
}

pytestmark = pytest.mark.skipif(
    installed_version() < (8, 3, 253), reason="older releases ask for the onnxscript exporter"
)

new_only = pytest.mark.skipif(
    installed_version() < (8, 4, 190), reason="no YOLO26, or its end-to-end head alone, whose rows change places"
)


@pytest.mark.parametrize("name", packaged_files("models"))
def test_blocks_of_all_packaged_models_are_counted(name: str) -> None:
    _, rows = read_model(scaled(name))
    named = {row[2] for row in rows["backbone"] + rows["head"]}
    assert named & set(list_blocks()) <= set(MOST)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the tracer's, about sizes
@pytest.mark.parametrize("name", [name for name in packaged_files("models") if re.match("yolo11-(?!small)", name)])
def test_blocks_are_lean_in_exports(name: str) -> None:
    pytest.importorskip("onnxslim")
    layers = {(type(layer), getattr(layer, "stride", 0)): (layer, shapes) for layer, shapes in inputs_of_blocks(name)}
    for layer, shapes in layers.values():
        kind = type(layer).__name__
        static, dynamic = (operators(layer, shapes, free) for free in (False, True))
        assert not CONTROL_FLOW & {*static, *dynamic}, f"{kind}: {dynamic}"
        assert static.total() <= dynamic.total()
        limit, limit_dynamic = MOST[kind]
        assert static.total() <= limit, f"{kind}: {static.total()} operators, {static}"
        assert dynamic.total() <= limit_dynamic, f"{kind}, dynamic: {dynamic.total()} operators, {dynamic}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "dynamic"),
    [("yolo11n-fine.yaml", False), ("yolov8n-ema.yaml", True), pytest.param("yolo26n-gc.yaml", True, marks=new_only)],
)
def test_a_packaged_model_equals_pytorch(
    name: str, dynamic: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = YOLO(name)
    settle(model.model)
    for layer in own_layers(model.model):
        randomise_gains(layer)
    images = [torch.rand(1, 3, 64, 64), *([torch.rand(2, 3, 96, 160)] if dynamic else [])]
    with torch.no_grad():
        expected = [first_tensor(model.model(image)) for image in images]

    file = model.export(format="onnx", dynamic=dynamic, imgsz=64, verbose=False)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for image, y in zip(images, expected, strict=True):
        got = torch.from_numpy(session.run(None, {"images": image.numpy()})[0])
        assert got.shape == y.shape
        for rows in (slice(0, 4), slice(4, None)):
            error = (got - y)[:, rows].abs().max() / y[:, rows].abs().max()
            assert error < LARGEST, f"relative error {float(error):.1e} at {tuple(image.shape)}"


def scaled(name: str) -> str:
    """``yolo11-fine.yaml`` -> ``yolo11n-fine.yaml``."""
    return re.sub(r"^(yolov?\d+)", r"\1n", name)


def own_layers(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.model if type(layer).__module__.startswith("yolo_fine.")]


def inputs_of_blocks(name: str) -> list[tuple[nn.Module, list[torch.Size]]]:
    """Our layers of a packaged model, with the shapes of what they read at 160 pixels."""
    network = DetectionModel(scaled(name), verbose=False).eval()
    seen: list[tuple[nn.Module, list[torch.Size]]] = []

    def note(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        maps = inputs[0] if isinstance(inputs[0], list) else [inputs[0]]
        seen.append((layer, [x.shape for x in maps]))

    hooks = [layer.register_forward_pre_hook(note) for layer in own_layers(network)]
    with torch.no_grad():
        network(torch.zeros(1, 3, 160, 160))
    for hook in hooks:
        hook.remove()
    assert seen
    return seen


def operators(layer: nn.Module, shapes: list[torch.Size], dynamic: bool) -> Counter[str]:
    """Operators of one layer, exported alone and simplified."""
    import onnx
    import onnxslim

    maps = [torch.rand(shape) for shape in shapes]
    names = [f"x{i}" for i in range(len(maps))]
    axes = {name: {0: "batch", 2: f"h{name}", 3: f"w{name}"} for name in (*names, "y")} if dynamic else None
    buffer = io.BytesIO()
    inputs = (maps if len(maps) > 1 else maps[0],)
    with torch.no_grad():
        torch.onnx.export(
            layer, inputs, buffer, input_names=names, output_names=["y"], dynamic_axes=axes, opset_version=17,
            dynamo=False,
        )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    assert not CONTROL_FLOW & set(count_operators(model)), "not simplified"
    return Counter(count_operators(onnxslim.slim(model)))


def first_tensor(y: Any) -> Tensor:
    return y if isinstance(y, Tensor) else first_tensor(y[0])
