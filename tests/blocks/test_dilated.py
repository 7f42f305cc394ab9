# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""DilatedContext and DilatedFusion: the contract, their reach, and what they say about wrong sizes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import DilatedContext, DilatedFusion
from yolo_fine.errors import BlockArgumentError


class TestDilatedContext(BlockContract):
    block = DilatedContext
    channels = (32,)
    published = {"gain": None}
    parameters = [((128,), {"gain": None}, 57_920), ((128,), {}, 57_920 + 128)]
    wrong = [
        ((30,), {}, "channels"),
        ((32,), {"dilations": (1, 0)}, "dilations"),
        ((32,), {"dilations": ()}, "dilations"),
        ((32,), {"dilations": 3}, "dilations"),
        ((32,), {"dilations": (1, 2.5)}, "dilations"),
    ]


class TestDilatedFusion(BlockContract):
    block = DilatedFusion
    channels = (48, 32, 16)
    published = {"gain": None}
    parameters = [((256, 128, 64), {"gain": None}, 175_340), ((256, 128, 64), {}, 175_340 + 128)]
    wrong = [((48, 32, 16), {"gain": "strong"}, "gain")]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width), (2 * height, 2 * width)]

    def untouched(self, x: Maps) -> Tensor:
        return x[1]


def test_reach_is_the_largest_dilation() -> None:
    x = torch.zeros(1, 4, 15, 15, requires_grad=True)
    DilatedContext(4, dilations=(1, 5), gain=None).eval()(x)[0, :, 7, 7].sum().backward()
    assert x.grad is not None
    assert sorted(set(x.grad[0].sum(0).nonzero()[:, 0].tolist())) == [2, 6, 7, 8, 12]


@pytest.mark.parametrize(
    ("deep", "shallow", "named"),
    [((8, 8), (16, 16), "'deep'"), ((4, 4), (8, 8), "'shallow'"), ((2, 4), (16, 16), "2x4")],
)
def test_wrong_sizes_name_the_map_and_the_layer(deep: tuple[int, int], shallow: tuple[int, int], named: str) -> None:
    block = DilatedFusion(8, 8, 8)
    block.i = 17  # as Ultralytics attaches it
    x = [torch.zeros(1, 8, *deep), torch.zeros(1, 8, 8, 8), torch.zeros(1, 8, *shallow)]
    with pytest.raises(BlockArgumentError, match=named) as caught:
        block(x)
    assert str(caught.value).startswith("DilatedFusion (layer 17): ")
