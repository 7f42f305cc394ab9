# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""NCB and NTB: the contract, widths, and tokens that pools do not divide."""

from __future__ import annotations

import io
import warnings

import pytest
import torch
from torch import nn
from ultralytics.nn.modules import Conv
from ultralytics.utils.torch_utils import fuse_conv_and_bn

from tests.blocks.golden import golden_names
from tests.contract import BlockContract
from yolo_fine.blocks import NCB, NTB
from yolo_fine.blocks.nextvit import round_to_32
from yolo_fine.catalog import get_block


class NextViTContract(BlockContract):
    """Batch norms in front of a layer stay: fuse() merges those behind convolutions."""

    def test_parity_with_the_authors_code(self) -> None:
        if not any(name.startswith(self.golden) for name in golden_names()):
            pytest.skip("its golden files are too large for the repository: name their folder by YOLO_FINE_GOLDEN")

    def test_fuse_changes_nothing(self) -> None:
        module, x = self.random(), self.maps()
        expected = self.run(module, x)
        for layer in module.modules():
            if isinstance(layer, Conv):
                layer.conv = fuse_conv_and_bn(layer.conv, layer.bn)
                del layer.bn
                layer.forward = layer.forward_fuse
        self.assert_near(self.run(module, x), expected, 1e-5)


class TestNCB(NextViTContract):
    block = NCB
    channels = (64,)
    published = {"gain": None}
    golden = "nextvit_ncb"
    parameters = [((128,), {"gain": None}, 152_576), ((128,), {}, 152_576 + 128)]
    wrong = [
        ((48,), {"head_dim": 32}, "head_dim"),
        ((32,), {"mlp_ratio": 0}, "mlp_ratio"),
        ((32,), {"gain": "a"}, "gain"),
    ]


class TestNTB(NextViTContract):
    block = NTB
    channels = (128,)
    published = {"gain": None}
    golden = "nextvit_ntb"
    parameters = [((128,), {"gain": None}, 129_728), ((128,), {}, 129_728 + 128)]
    wrong = [
        ((128,), {"head_dim": 48}, "head_dim"),
        ((64,), {"sr": 0}, "sr"),
        ((64,), {"mix": 1.5}, "mix"),
        ((64,), {"mlp_ratio": 2.5}, "mlp_ratio"),
        ((64,), {"gain": "a"}, "gain"),
    ]


class TestNTBWithoutConvolutionalPart(TestNTB):
    channels = (32,)
    arguments = {"sr": 1}


@pytest.mark.parametrize(("width", "rounded"), [(24, 32), (48, 64), (72, 96), (96, 96), (36, 64), (192, 192), (8, 32)])
def test_widths_are_rounded_as_the_authors_do(width: int, rounded: int) -> None:
    assert round_to_32(width) == rounded


@pytest.mark.parametrize("channels", [16, 24, 48, 64, 80, 96, 128, 160])
def test_any_width_builds_and_runs(channels: int) -> None:
    assert NTB(channels, gain=None).eval()(torch.randn(1, channels, 3, 3)).shape == (1, channels, 3, 3)
    assert NCB(channels, gain=None).eval()(torch.randn(1, channels, 3, 3)).shape == (1, channels, 3, 3)


@pytest.mark.parametrize(("depth", "window"), [(0, 1), (1, 4), (2, 16), (3, 64)])
def test_pools_are_larger_on_finer_maps(depth: int, window: int) -> None:
    arguments_at = get_block("NTB").arguments_at
    assert arguments_at is not None
    assert NTB(32, *arguments_at(depth)).window == window


@pytest.mark.parametrize(("cells", "means"), [(8, 2), (7, 1), (4, 1), (3, 1), (63, 15)])
def test_the_last_tokens_are_dropped_as_by_the_authors_but_where_none_would_be_left(cells: int, means: int) -> None:
    block = NTB(32, gain=None).eval()
    seen: list[torch.Tensor] = []
    block.attention = Recorder(seen)
    tokens = torch.randn(1, 32, cells)
    block._attend(tokens)
    pool = nn.AvgPool1d(4) if cells >= 4 else nn.AvgPool1d(cells)  # theirs is the first
    expected = pool(tokens).transpose(1, 2)
    assert expected.shape[1] == means
    torch.testing.assert_close(seen[0], expected / (1 + 1e-5) ** 0.5)


@pytest.mark.parametrize("size", [(9, 7), (5, 5), (13, 9), (1, 3)])
def test_maps_that_pools_do_not_divide_are_the_same_in_onnx(size: tuple[int, int]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    block, buffer = NTB(32, gain=None).eval(), io.BytesIO()
    axes = {"x": {2: "h", 3: "w"}, "y": {2: "h", 3: "w"}}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            block, (torch.randn(1, 32, 8, 8),), buffer, input_names=["x"], output_names=["y"], dynamic_axes=axes,
            opset_version=17, dynamo=False,
        )  # fmt: skip
        session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
        x = torch.randn(1, 32, *size)
        (y,) = session.run(None, {"x": x.numpy()})
        torch.testing.assert_close(torch.from_numpy(y), block(x), rtol=1e-4, atol=1e-5)


class Recorder(nn.Module):
    def __init__(self, seen: list[torch.Tensor]) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, query: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        self.seen.append(context)
        return query
