# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model of yolo11n's backbone and a neck of one's own: built, linted, trained for a step, fused and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from ultralytics import YOLO

from yolo_fine.integration.versions import installed_version
from yolo_fine.integration.yaml_text import read_model
from yolo_fine.linter.lint import lint


def write_model(neck: str, folder: Path, name: str = "yolo11n-neck.yaml") -> Path:
    """A model YAML with yolo11's backbone; its layers end with 10."""
    text, _ = read_model("yolo11n.yaml")
    head = text.index("head:")
    file = folder / name
    file.write_text(f"{text[:head]}head:{neck}".replace("nc: 80", "nc: 2"))
    return file


def step_and_export(neck: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """Everything that a model of rows must do; returns the network that was built."""
    monkeypatch.chdir(folder)
    file = write_model(neck, folder)
    report = lint(file)
    assert report.clean, report.problems
    torch.manual_seed(0)
    model = YOLO(file)
    network = model.model
    settle(network)
    train_a_step(network)
    network.eval()
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = network(image)[0]
        fused = YOLO(file)
        fused.model.load_state_dict(network.state_dict())
        fused.model.fuse(verbose=False)
        torch.testing.assert_close(fused.model.eval()(image)[0], expected, rtol=1e-3, atol=1e-3)
    if installed_version() >= (8, 3, 253):  # older releases ask for the onnxscript exporter
        check_export(model, image, expected)
    return network


def check_export(model: YOLO, image: torch.Tensor, expected: torch.Tensor) -> None:
    """The dynamic ONNX file gives PyTorch's numbers at a size and batch that the export has not seen."""
    onnxruntime = pytest.importorskip("onnxruntime")
    exported = model.export(format="onnx", dynamic=True, imgsz=64, simplify=False, verbose=False)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"images": image.numpy()})
    for rows in (slice(0, 4), slice(4, None)):
        spread = float(expected[:, rows].std(dim=2).mean())
        error = float((torch.from_numpy(got) - expected)[:, rows].abs().max())
        assert error < 5e-3 * spread, f"off by {error:.1e} of {spread:.1e}"


def train_a_step(network: nn.Module) -> None:
    """Two steps of gradient descent on the raw maps; every parameter that is not frozen has a finite gradient."""
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    network.train()
    for step in range(2):
        torch.manual_seed(step)
        optimizer.zero_grad()
        maps = raw_maps(network(torch.rand(2, 3, 64, 64)))
        sum(one.float().square().mean() for one in maps).backward()
        optimizer.step()
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in learning)


def raw_maps(output: Any) -> list[torch.Tensor]:
    """The tensors of what a head returns in training."""
    if isinstance(output, dict):
        return [one for value in output.values() for one in raw_maps(value)]
    if isinstance(output, (list, tuple)):
        return [one for value in output for one in raw_maps(value)]
    return [output]


def settle(network: nn.Module) -> None:
    """Give every batch norm the statistics of noise: with the initial ones a deep network's output is a constant."""
    norms = [layer for layer in network.modules() if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(4, 3, 128, 128))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
