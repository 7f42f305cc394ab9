# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""LCCM and LCCMBottomUp: the contract, sizes, and what passes from one level to the other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import LCCM, LCCMBottomUp
from yolo_fine.errors import BlockArgumentError


class TestLCCM(BlockContract):
    block = LCCM
    channels = (48, 32)
    published = {"gain": None}
    golden = "lccm_td"
    parameters = [((128, 128), {"gain": None}, 8779), ((128, 128), {}, 8779 + 128), ((256, 128), {}, 8779 + 128 + 4096)]
    wrong = [
        ((48, 32), {"cells": 0}, "cells"),
        ((48, 32), {"reduction": 0}, "reduction"),
        ((48, 32), {"gain": "a"}, "gain"),
    ]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width)]

    def untouched(self, x: Maps) -> Tensor:
        return x[1]


class TestLCCMBottomUp(BlockContract):
    block = LCCMBottomUp
    channels = (48, 32)
    published = {"gain": None}
    golden = "lccm_bu"
    parameters = [((128, 128), {"gain": None}, 9380), ((128, 128), {}, 9380 + 128)]
    wrong = TestLCCM.wrong

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [(height, width), (2 * height, 2 * width)]


def test_the_coarse_map_may_come_upsampled() -> None:
    block, high, low = LCCM(8, 8, gain=None), torch.randn(2, 8, 10, 20), torch.randn(2, 8, 20, 40)
    torch.testing.assert_close(block([F.interpolate(high, scale_factor=2.0), low]), block([high, low]))


@pytest.mark.parametrize("block", [LCCM, LCCMBottomUp])
def test_only_gates_pass_from_the_other_level(block: type[LCCM]) -> None:
    gated = 1 if block is LCCM else 0
    x = [torch.rand(1, 8, 10, 10) + 0.5, torch.rand(1, 8, 20, 20) + 0.5]
    factor = block(8, 8, gain=None)(x) / x[gated]
    assert factor.min() > 1
    assert factor.max() < 3
    x[gated] = torch.zeros_like(x[gated])
    assert block(8, 8, gain=None)(x).abs().max() == 0


def test_wrong_sizes_name_the_layer() -> None:
    block = LCCMBottomUp(8, 8)
    block.i = 17  # as Ultralytics attaches it
    with pytest.raises(BlockArgumentError, match="'low' must have twice") as caught:
        block([torch.zeros(1, 8, 8, 8), torch.zeros(1, 8, 8, 8)])
    assert str(caught.value).startswith("LCCMBottomUp (layer 17): ")


def test_odd_fine_maps_fit() -> None:
    assert LCCMBottomUp(8, 8)([torch.zeros(1, 8, 7, 4), torch.zeros(1, 8, 13, 7)]).shape == (1, 8, 7, 4)
