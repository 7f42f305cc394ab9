# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""FADE: the contract, its semi-shift and its gate."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import FADE
from yolo_fine.errors import BlockArgumentError


class TestFADE(BlockContract):
    block = FADE
    channels = (24, 16)
    published = {"gain": None}
    golden = "fade"
    parameters = [
        ((128, 128), {"gain": None}, 31002),
        ((128, 128), {}, 31002 + 128),
        ((256, 128), {}, 31002 + 128 + 256 * 128 + 2 * 128),
    ]
    wrong = [
        ((16, 16), {"kernel": 4}, "kernel"),
        ((16, 16), {"hidden": 0}, "hidden"),
        ((16, 16), {"gain": "high"}, "gain"),
    ]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width)]

    def untouched(self, x: Maps) -> torch.Tensor:
        return x[1]


class TestFADEAsPublished(TestFADE):
    channels = (16, 16)
    arguments = {"gain": None}
    identity = False


def test_starts_as_half_of_both() -> None:
    block, deep, shallow = FADE(8, 8, gain=None), torch.randn(1, 8, 5, 6), torch.randn(1, 8, 10, 12)
    mean = F.interpolate(F.avg_pool2d(deep, 5, 1, 2), scale_factor=2, mode="nearest")
    torch.testing.assert_close(block([deep, shallow]), (mean + shallow) / 2, rtol=0, atol=0.05)


def test_one_convolution_is_the_four_shifted_ones() -> None:
    block, deep, shallow = FADE(4, 4, gain=None), torch.randn(1, 4, 5, 6), torch.randn(1, 4, 10, 12)
    nn.init.normal_(block.encode.weight)
    compressed, weight, bias = block.shallow(shallow), block.encode.weight, block.encode.bias
    shifted = [
        F.conv2d(F.pad(compressed, (left, 1 - left, top, 1 - top)), weight, bias, stride=2)
        for top in (1, 0)
        for left in (1, 0)
    ]
    expected = (torch.stack(shifted, 2) + block.encode(block.deep(deep)).unsqueeze(2)).softmax(1)
    torch.testing.assert_close(block._kernels(deep, shallow), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("open_to", ["shallow", "deep"])
def test_the_gate_chooses_a_map(open_to: str) -> None:
    block, deep, shallow = FADE(4, 4, gain=None), torch.randn(1, 4, 5, 6), torch.randn(1, 4, 10, 12)
    nn.init.constant_(block.gate.bias, 100.0 if open_to == "shallow" else -100.0)
    if open_to == "shallow":
        torch.testing.assert_close(block([deep, shallow]), shallow)
    else:
        nn.init.zeros_(block.encode.weight)
        mean = F.interpolate(F.avg_pool2d(deep, 5, 1, 2), scale_factor=2, mode="nearest")
        torch.testing.assert_close(block([deep, shallow]), mean, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(10, 12), (4, 6), (5, 7)])
def test_maps_that_are_no_neighbours_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BlockArgumentError, match="'deep' must have half the size"):
        FADE(4, 4)([torch.randn(1, 4, *size), torch.randn(1, 4, 10, 12)])
