# SPDX-License-Identifier: AGPL-3.0-or-later
"""Composed models with blocks of every kind export: ONNX gives PyTorch's numbers, also at another size and batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from ultralytics import YOLO

from tests.composed import settle
from yolo_fine import get_block
from yolo_fine.composer.compose import compose_text
from yolo_fine.integration.versions import installed_version

# The riskiest graphs, and every kind.
SAMPLE = [
    "LDAAQU",  # upsample: points made from the sizes
    "FADE",  # fuse: shifted views, cropped
    "FreqFusion",  # fuse: kernels, offsets, upsampling
    "SDA",  # fuse: any number of maps
    "LCCM",  # fuse: pooled cells of two levels
    "LCCMBottomUp",
    "FocalModulation",  # context
    "HLG",  # context: windows filled up
    "NTB",  # context: pooled along the raster
    "PartWhole",  # context: positions of two grids
    "SRA",
    "TimmAttn",  # refine
    "DCDC",  # conv: kernels made from the map
]


@pytest.mark.slow
@pytest.mark.skipif(installed_version() < (8, 3, 253), reason="older releases ask for the onnxscript exporter")
@pytest.mark.filterwarnings("ignore")  # the tracer's, about sizes
@pytest.mark.parametrize("name", SAMPLE)
def test_composed_model_exports(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if name == "TimmAttn":
        pytest.importorskip("timm")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    composed = compose_text("yolo11n", {get_block(name).kind: name})
    file = tmp_path / "yolo11n-composed.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(composed.text), "scale": "n", "nc": 2}))
    model = YOLO(file)
    network = model.model
    settle(network)
    images = [torch.rand(1, 3, 64, 64), torch.rand(2, 3, 96, 160)]
    with torch.no_grad():
        at_init = [network(image)[0] for image in images]
        for placed in composed.blocks:
            randomise_gains(network.model[placed["layer"]])
        randomised = [network(image)[0] for image in images]

    exported = model.export(format="onnx", dynamic=True, imgsz=64, simplify=False, verbose=False)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    for image, before, expected in zip(images, at_init, randomised, strict=True):
        (got,) = (torch.from_numpy(y) for y in session.run(None, {"images": image.numpy()}))
        assert got.shape == expected.shape
        for part, rows in (("boxes", slice(0, 4)), ("scores", slice(4, None))):
            spread = float(expected[:, rows].std(dim=2).mean())
            effect = float((expected - before)[:, rows].abs().max())
            assert effect > 0.01 * spread, "the blocks hardly matter: nothing would be tested"
            error = float((got - expected)[:, rows].abs().max())
            assert error < 5e-3 * effect, f"{part} at {tuple(image.shape)}: off by {error:.1e} of {effect:.1e}"


def randomise_gains(block: nn.Module) -> None:
    """Move everything that starts as a constant: at init most blocks are the identity, and a wrong one would pass."""
    with torch.no_grad():
        for parameter in block.parameters():
            if parameter.ndim == 1 or not parameter.any():
                parameter.add_(torch.empty_like(parameter).uniform_(0.1, 0.5))
