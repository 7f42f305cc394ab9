# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""CARAFE: the contract, its window, and the weighted sums beside unfolded ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import CARAFE
from yolo_fine.layers.reassembly import reassemble


class TestCARAFE(BlockContract):
    block = CARAFE
    channels = (16,)
    arguments = {"gain": 0.0}
    factor = 2
    published = {"gain": None}
    golden = "carafe"
    parameters = [((128,), {}, 65956), ((128,), {"gain": 0.0}, 65956 + 128)]
    wrong = [
        ((16,), {"scale": 1}, "scale"),
        ((16,), {"kernel": 4}, "kernel"),
        ((16,), {"hidden": 0}, "hidden"),
        ((16,), {"gain": "high"}, "gain"),
    ]

    def untouched(self, x: Maps) -> Tensor:
        return F.interpolate(x[0], scale_factor=2, mode="nearest")


class TestCARAFEAsPublished(TestCARAFE):
    arguments = {}
    identity = False


class TestCARAFEByThree(TestCARAFE):
    arguments = {"gain": 0.0, "scale": 3, "kernel": 3, "hidden": 8}
    factor = 3

    def untouched(self, x: Maps) -> Tensor:
        return F.interpolate(x[0], scale_factor=3, mode="nearest")


@pytest.mark.parametrize(("kernel", "scale"), [(3, 2), (5, 2), (5, 3), (7, 2)])
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 4), (6, 1)])
def test_weighted_sums_are_those_of_the_unfolded_map(kernel: int, scale: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float32, requires_grad=True)
    weights = torch.randn(2, kernel**2, scale**2, *size, requires_grad=True)
    windows = F.unfold(x, kernel, padding=kernel // 2).view(2, 3, kernel**2, 1, *size)
    expected = F.pixel_shuffle((windows * weights[:, None]).sum(2).flatten(1, 2), scale)
    y = reassemble(x, weights, kernel, scale)
    torch.testing.assert_close(y, expected)
    against = torch.randn_like(y)
    for ours, theirs in zip(
        torch.autograd.grad((y * against).sum(), (x, weights)),
        torch.autograd.grad((expected * against).sum(), (x, weights)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_starts_as_the_mean_of_the_window() -> None:
    x = torch.randn(1, 8, 6, 7)
    mean = F.interpolate(F.avg_pool2d(x, 5, 1, 2), scale_factor=2, mode="nearest")
    torch.testing.assert_close(CARAFE(8)(x), mean, rtol=0, atol=0.02)


def test_a_kernel_of_one_place_is_a_shift() -> None:
    block, x = CARAFE(4), torch.randn(1, 4, 5, 6)
    with torch.no_grad():
        block.encode.bias.view(5, 5, 4)[2, 3] = 1000.0  # the right neighbour, for all four output cells
    shifted = F.interpolate(F.pad(x, (0, 1))[..., 1:], scale_factor=2, mode="nearest")
    torch.testing.assert_close(block(x), shifted)
