# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""NonLocal: the contract in its forms, and the dot product beside the sum that it re-associates."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract
from yolo_fine.blocks import NonLocal
from yolo_fine.blocks.nonlocal_block import multiple_of_8


class TestNonLocal(BlockContract):
    block = NonLocal
    channels = (32,)
    golden = "nonlocal"
    parameters = [
        ((128,), {}, 33_088),
        ((128,), {"form": "dot_product"}, 33_088),
        ((128,), {"form": "timm"}, 8_624),
        ((128,), {"norm": True}, 33_088 + 128),
        ((1,), {}, 3 * 2 + 2),
    ]
    wrong = [
        ((32,), {"form": "gaussian"}, "form"),
        ((32,), {"reduction": 0}, "reduction"),
    ]


class TestNonLocalDotProduct(TestNonLocal):
    arguments = {"form": "dot_product", "norm": True}


class TestNonLocalOfTimm(TestNonLocal):
    arguments = {"form": "timm", "sub_sample": False}
    without_gradient = frozenset({"out.conv.bias"})  # the batch norm behind it takes it away


@pytest.mark.parametrize("sub_sample", [False, True])
def test_the_dot_product_is_the_sum_over_all_keys(sub_sample: bool) -> None:
    torch.manual_seed(0)
    block, x = NonLocal(16, "dot_product", sub_sample), torch.randn(2, 16, 7, 6)
    torch.nn.init.normal_(block.out.weight)
    query, key, value = (one.flatten(2) for one in block.project(x).chunk(3, 1))
    if sub_sample:
        key, value = (F.max_pool2d(one.view(2, 8, 7, 6), 2).flatten(2) for one in (key, value))
    weights = query.transpose(1, 2) @ key / key.shape[2]  # (B, cells, keys)
    y = (weights @ value.transpose(1, 2)).transpose(1, 2).reshape(2, 8, 7, 6)
    torch.testing.assert_close(block(x), x + block.out(y), rtol=1e-4, atol=1e-6)


def test_far_cells_are_read() -> None:
    block = NonLocal(16)
    torch.nn.init.normal_(block.out.weight)
    x = torch.randn(1, 16, 8, 8, requires_grad=True)
    block(x)[0, :, 0, 0].sum().backward()
    assert isinstance(x.grad, Tensor)
    assert x.grad[0, :, 7, 7].abs().sum() > 0


@pytest.mark.parametrize(
    ("number", "rounded"), [(1, 8), (8, 8), (12, 16), (13, 16), (17.5, 16), (18.5, 24), (100, 104)]
)
def test_timms_width(number: float, rounded: int) -> None:
    assert multiple_of_8(number) == rounded
