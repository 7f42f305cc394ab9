# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SAPA: the contract, its similarities beside unfolded ones, and that it follows the shallow map."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import SAPA
from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers.reassembly import similarities


class TestSAPA(BlockContract):
    block = SAPA
    channels = (24, 16)
    arguments = {"gain": 0.0}
    published = {"gain": None}
    parameters = [((128, 128), {}, 17024), ((128, 128), {"gain": 0.0}, 17024 + 128)]
    wrong = [
        ((16, 16), {"kernel": 4}, "kernel"),
        ((16, 16), {"hidden": 0}, "hidden"),
        ((16, 16), {"gain": "high"}, "gain"),
    ]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width)]

    def untouched(self, x: Maps) -> Tensor:
        height, width = x[1].shape[2:]
        return F.interpolate(x[0], scale_factor=2, mode="nearest")[:, :, :height, :width]


class TestSAPAAsPublished(TestSAPA):
    arguments = {}
    identity = False


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 4), (6, 1)])
def test_similarities_are_those_of_the_unfolded_keys(kernel: int, size: tuple[int, int]) -> None:
    queries = torch.randn(2, 3, 4, *size, requires_grad=True)
    keys = torch.randn(2, 3, *size, requires_grad=True)
    windows = F.unfold(keys, kernel, padding=kernel // 2).view(2, 3, kernel**2, 1, *size)
    expected = (queries[:, :, None] * windows).sum(1)
    y = similarities(queries, keys, kernel)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    against = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad((y * against).sum(), (queries, keys)),
        torch.autograd.grad((expected * against).sum(), (queries, keys)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_starts_near_the_mean_of_the_window() -> None:
    block, deep, shallow = SAPA(8, 8), torch.randn(1, 8, 6, 7), torch.randn(1, 8, 12, 14)
    mean = F.interpolate(F.avg_pool2d(deep, 5, 1, 2), scale_factor=2, mode="nearest")
    torch.testing.assert_close(block([deep, shallow]), mean, rtol=0, atol=0.05)


def test_an_edge_of_the_shallow_map_becomes_an_edge_of_the_output() -> None:
    # Two kinds of cells; the edge runs through the middle of a deep cell, which nearest upsampling can't see.
    left, right = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1), torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    shallow = torch.cat([left.expand(1, 2, 12, 7), right.expand(1, 2, 12, 9)], 3)
    deep = torch.cat([left.expand(1, 2, 6, 4), right.expand(1, 2, 6, 4)], 3)
    block = SAPA(2, 2, hidden=2)
    with torch.no_grad():
        for layer in (block.query, block.key):
            layer.weight.copy_(5 * torch.eye(2))
    torch.testing.assert_close(block([deep, shallow]), shallow, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(10, 12), (4, 6), (5, 7)])
def test_maps_that_are_no_neighbours_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BlockArgumentError, match="'deep' must have half the size"):
        SAPA(4, 4)([torch.randn(1, 4, *size), torch.randn(1, 4, 10, 12)])
