# SPDX-License-Identifier: AGPL-3.0-or-later
"""Blocks with positions and normalisers in float16 files, at the map sizes of an image of 1280 pixels.

Ultralytics makes such files in two ways. On a CPU it exports in float32 and lets onnxruntime's converter turn every
operator into float16, whatever the block casts; on a GPU it traces the network in float16, where the block's own casts
hold. Both must stay as near to float32 as float16 allows: a coordinate near 1280 rounds by half a pixel there.
"""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yolo_fine.blocks import FINE, LDAAQU, DySample, FreqFusion

LARGEST, MEAN = 5e-3, 1e-3  # of the largest output, and of its standard deviation; measured: 3.1e-3, 6e-4

CASES = {
    "FINE P5 into P4": (FINE(64, 64, 1, gain=1.0), [(40, 4), (80, 8)]),
    "FINE P4 into P3": (FINE(64, 64, 2, gain=1.0), [(80, 8), (160, 16)]),
    "FINE P3 into P2": (FINE(64, 64, 4, gain=1.0), [(160, 16), (320, 32)]),
    "DySample rows": (DySample(64), [(80, 4)]),
    "DySample columns": (DySample(64), [(4, 80)]),
    "LDAAQU rows": (LDAAQU(64), [(80, 4)]),
    "LDAAQU columns": (LDAAQU(64), [(4, 80)]),
    "FreqFusion rows": (FreqFusion(64, 64, gain=1.0), [(80, 4), (160, 8)]),
    "FreqFusion columns": (FreqFusion(64, 64, gain=1.0), [(4, 80), (8, 160)]),
}


@pytest.mark.filterwarnings("ignore")  # the tracer's, about sizes, and the converter's
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_converted_file_is_near_float32(case: str, dynamic: bool) -> None:
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    block, maps = randomised(case)
    names = [f"x{i}" for i in range(len(maps))]
    axes = {name: {2: f"h{name}", 3: f"w{name}"} for name in (*names, "y")} if dynamic else None
    buffer = io.BytesIO()
    inputs = (maps if len(maps) > 1 else maps[0],)
    with torch.no_grad():
        torch.onnx.export(
            block, inputs, buffer, input_names=names, output_names=["y"], dynamic_axes=axes, opset_version=17,
            dynamo=False,
        )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    half = float16.convert_float_to_float16(model, keep_io_types=True)  # as Ultralytics' exporter calls it
    session = onnxruntime.InferenceSession(half.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {name: x.numpy() for name, x in zip(names, maps, strict=True)})
    assert_near(torch.from_numpy(y), run(block, maps))


@pytest.mark.parametrize("case", CASES)
def test_a_network_in_float16_is_near_float32(case: str) -> None:
    block, maps = randomised(case)
    y = run(copy.deepcopy(block).half(), [x.half() for x in maps])
    assert y.dtype == torch.float16
    assert_near(y.float(), run(block, maps))


def test_keys_of_many_tokens_do_not_overflow() -> None:
    """Their size times the number of tokens is beyond 65504, the largest number of float16."""
    block, _ = randomised("FINE P4 into P3")
    high = 200 * smooth(64, 80, 160, seed=3)  # 3200 tokens
    with torch.no_grad():
        block.attention.kv_proj.weight.mul_(3)
    low = smooth(64, 160, 320, seed=4)
    expected, y = run(block, [high, low]), run(copy.deepcopy(block).half(), [high.half(), low.half()])
    assert_near(y.float(), expected)


def randomised(case: str) -> tuple[nn.Module, list[Tensor]]:
    """The block of a case with nothing at zero, and its maps, as smooth as features are."""
    block, sizes = CASES[case]
    block = copy.deepcopy(block).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in block.parameters():
            if parameter.abs().max() < 0.02:
                spread = 0.2 if parameter.ndim == 1 else 0.3 * parameter[0].numel() ** -0.5
                parameter.normal_(0, spread, generator=generator)
    return block, [smooth(64, *size, seed=seed) for seed, size in enumerate(sizes)]


def smooth(channels: int, height: int, width: int, seed: int) -> Tensor:
    """A random map (1, C, H, W) whose details are two cells wide."""
    coarse = torch.randn(1, channels, height // 2, width // 2, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, size=(height, width), mode="bicubic")


@torch.no_grad()
def run(block: nn.Module, maps: list[Tensor]) -> Tensor:
    return block(maps if len(maps) > 1 else maps[0])


def assert_near(y: Tensor, expected: Tensor) -> None:
    error = (y - expected).abs()
    assert error.max() < LARGEST * expected.abs().max()
    assert error.mean() < MEAN * expected.std()
