# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""PartWhole: the contract, and the way through the parts."""

from __future__ import annotations

import io

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import PartWhole


class TestPartWhole(BlockContract):
    block = PartWhole
    channels = (32,)
    published = {"gain": None}
    parameters = [((128,), {"gain": None}, 198_784), ((128,), {}, 198_784 + 128)]
    wrong = [
        ((30,), {}, "channels"),
        ((32,), {"heads": 5}, "heads"),
        ((32,), {"stride": 0}, "stride"),
        ((32,), {"mlp_ratio": 1.5}, "mlp_ratio"),
        ((32,), {"gain": "a"}, "gain"),
    ]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 9), (2, 3)])
def test_every_pixel_reaches_every_other_through_the_parts(height: int, width: int) -> None:
    x = torch.randn(1, 16, height, width, requires_grad=True)
    PartWhole(16, gain=None)(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize(("height", "width", "parts"), [(8, 12, 6), (9, 7, 6), (3, 2, 1)])
def test_squares_cover_the_map(height: int, width: int, parts: int) -> None:
    block, seen = PartWhole(16).eval(), []
    block.encode.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[1]))
    block(torch.randn(1, 16, height, width))
    assert seen == [parts]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("block", [PartWhole(16, gain=None), PartWhole(16, stride=3, gain=None)])
def test_the_exported_graph_takes_tiny_maps(block: PartWhole) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    stored, axes = io.BytesIO(), {name: {0: "b", 2: "h", 3: "w"} for name in ("x", "y")}
    arguments = {
        "input_names": ["x"],
        "output_names": ["y"],
        "dynamic_axes": axes,
        "opset_version": 17,
        "dynamo": False,
    }
    torch.onnx.export(block.eval(), (torch.randn(1, 16, 8, 8),), stored, **arguments)
    session = onnxruntime.InferenceSession(stored.getvalue(), providers=["CPUExecutionProvider"])
    for size in ((1, 1), (2, 5), (3, 1), (13, 11)):
        x = torch.randn(2, 16, *size)
        torch.testing.assert_close(
            torch.from_numpy(session.run(None, {"x": x.numpy()})[0]), block(x).detach(), rtol=1e-3, atol=1e-5
        )
