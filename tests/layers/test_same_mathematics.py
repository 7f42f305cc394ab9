# SPDX-License-Identifier: AGPL-3.0-or-later
"""Faster forms of what PyTorch has, against PyTorch: values, gradients, and when they are used."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from ultralytics.nn.modules import Conv

from yolo_fine.blocks.ema import conv3x3_mean, conv3x3_to_one
from yolo_fine.layers.activations import Mish
from yolo_fine.layers.affine import as_product
from yolo_fine.layers.bags import Bags
from yolo_fine.layers.plainly import computes_plainly
from yolo_fine.layers.resizing import bilinear
from yolo_fine.layers.softmax import log_softmax, softmax

CLOSE = {"atol": 2e-6, "rtol": 1e-5}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_mish_by_one_exponential() -> None:
    x = torch.cat([torch.linspace(-100, 100, 2001), torch.tensor([0.0, -0.0, 1e-20, float("inf")])])
    with torch.no_grad():
        torch.testing.assert_close(Mish()(x), F.mish(x), **CLOSE)
        large = 3 * torch.randn(2, 5, 130, 131)  # several pieces
        for layout in (large, large.contiguous(memory_format=torch.channels_last), large[:, 1:4], large[0], large[:0]):
            mine = Mish()(layout)
            torch.testing.assert_close(mine, F.mish(layout), **CLOSE)
            assert mine.stride() == F.mish(layout).stride()
    half = torch.randn(100).bfloat16()
    assert torch.equal(Mish()(half), F.mish(half))
    leaf = x.clone().requires_grad_()
    assert torch.equal(Mish()(leaf), F.mish(leaf))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("stock", "mine"),
    [
        (F.mish, Mish()),
        (lambda x: x.softmax(1), lambda x: softmax(x, 1)),
        (lambda x: x.log_softmax(1), lambda x: log_softmax(x, 1)),
    ],
    ids=["mish", "softmax", "log_softmax"],
)
def test_forms_for_exports_hold_where_exponentials_overflow(
    stock: Callable[[Tensor], Tensor], mine: Callable[[Tensor], Tensor]
) -> None:
    traced = torch.jit.trace(mine, torch.ones(1, 2, 2), check_trace=False)
    assert not {"aten::mish", "aten::softmax", "aten::log_softmax"} & {node.kind() for node in traced.graph.nodes()}
    for scale in (1, 30, 1000):
        x = scale * torch.linspace(-1, 1, 24).reshape(2, 3, 4)
        torch.testing.assert_close(traced(x), stock(x), **CLOSE)
        assert traced(x.half()).isfinite().all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 4), (2, 1), (3, 3)])
def test_a_convolution_of_which_one_sum_or_the_mean_is_needed(size: tuple[int, int]) -> None:
    conv, group, weights = nn.Conv2d(4, 4, 3, padding=1).requires_grad_(False), torch.randn(3, 4, *size), torch.randn(4)
    full = conv(group)
    one = conv3x3_to_one(group, weights, conv)
    expected = torch.einsum("o,bohw->bhw", weights, full).flatten(1)
    torch.testing.assert_close(one, expected, **CLOSE)
    traced = torch.jit.trace(lambda x: conv3x3_to_one(x, weights, conv), group[:, :, :2], check_trace=False)
    torch.testing.assert_close(traced(group), expected, **CLOSE)
    mean = conv3x3_mean(group, group.mean(3), group.mean(2), conv)
    torch.testing.assert_close(mean, full.mean((2, 3)), **CLOSE)


@pytest.mark.parametrize(("size", "wanted"), [((3, 5), (12, 20)), ((1, 1), (4, 3)), ((2, 3), (5, 7)), ((4, 4), (4, 4))])
def test_bilinear_upsampling_by_products(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, requires_grad=True)
    mine, stock = bilinear(x, *wanted), F.interpolate(x, wanted, mode="bilinear")
    torch.testing.assert_close(mine, stock, **CLOSE)
    gradient = torch.randn_like(stock)
    (one,), (other,) = (torch.autograd.grad(y, x, gradient) for y in (mine, stock))
    torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="sparse products need MKL")
@pytest.mark.parametrize("wanted", ["both", "table", "scales"])
@pytest.mark.filterwarnings("error")
def test_gradients_of_bags(wanted: str) -> None:
    table, scales = torch.randn(50, 8), torch.rand(30, 5)
    bags = torch.randint(0, 40, (30, 5)).int()  # the last rows are in no bag, and some are in one twice
    leaves = [one.requires_grad_() for name, one in (("table", table), ("scales", scales)) if wanted in (name, "both")]
    mine: Tensor = Bags.apply(table, bags, scales)
    stock = F.embedding_bag(bags, table, mode="sum", per_sample_weights=scales)
    assert torch.equal(mine, stock)
    gradient = torch.randn(8, 30).T  # not contiguous
    for one, other in zip(*(torch.autograd.grad(y, leaves, gradient) for y in (mine, stock)), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("merged", [False, True])
def test_a_1x1_convolution_and_its_norm_as_a_matrix(merged: bool) -> None:
    layer = Conv(6, 4, 1, act=False).eval()
    layer.bn.running_mean.normal_()
    layer.bn.running_var.uniform_(0.5, 2)
    nn.init.normal_(layer.bn.weight)
    nn.init.normal_(layer.bn.bias)
    x = torch.randn(2, 6, 3, 5)
    with torch.no_grad():
        expected = layer(x)
        if merged:
            from ultralytics.utils.torch_utils import fuse_conv_and_bn

            layer.conv = fuse_conv_and_bn(layer.conv, layer.bn)
            del layer.bn
        weight, bias = as_product(layer)
        torch.testing.assert_close(F.conv2d(x, weight[:, :, None, None], bias), expected, **CLOSE)


@pytest.mark.filterwarnings("ignore")
def test_faster_forms_are_for_float32_on_a_cpu() -> None:
    x = torch.randn(2)
    assert computes_plainly(x)
    assert not computes_plainly(x.half())
    assert not computes_plainly(x.to("meta"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not computes_plainly(x)
    assert not any(torch.jit.trace(lambda y: y * float(computes_plainly(y)), x, check_trace=False)(x))
