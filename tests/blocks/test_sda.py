# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SDA: the contract, and weights that add up to one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import SDA
from yolo_fine.errors import BlockArgumentError


class TestSDA(BlockContract):
    block = SDA
    channels = (32, 16, 32)
    identity = False
    golden = "sda"
    parameters = [
        (([128, 128],), {}, 24_960),
        (([128, 256],), {}, 24_960 + 128 * 256 + 2 * 128),
        (([128, 128],), {"smallest": 8}, 128 * 8 + 16 + 2 * (128 * 8 + 128)),
    ]
    wrong = [(([32, 32],), {"reduction": 0}, "reduction"), (([32, 32],), {"smallest": 0}, "smallest")]

    def build(self, **arguments: Any) -> nn.Module:
        torch.manual_seed(0)
        return SDA(list(self.channels), **{**self.arguments, **arguments})

    def maps(self, height: int = 16, width: int = 24, batch: int = 2, seed: int = 1) -> Maps:
        # Images of different means, as real ones: a batch norm over two means divides by what they differ in.
        maps = super().maps(height, width, batch, seed)
        generator = torch.Generator().manual_seed(seed)
        return [x + torch.randn(x.shape[:2], generator=generator)[:, :, None, None] for x in maps]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_equal_positive_maps_are_returned(count: int) -> None:
    x = torch.rand(2, 8, 5, 7)
    torch.testing.assert_close(SDA([8] * count).eval()([x] * count), x)


def test_each_channel_selects_its_own_map() -> None:
    block, x = SDA([8, 8]).eval(), [torch.rand(2, 8, 5, 7), torch.rand(2, 8, 5, 7)]
    with torch.no_grad():
        block.weigh.bias.copy_(torch.tensor([100.0] * 3 + [-100.0] * 5 + [0.0] * 8))
    y = block(x)
    torch.testing.assert_close(y[:, :3], x[0][:, :3])
    torch.testing.assert_close(y[:, 3:], x[1][:, 3:])


def test_maps_of_two_sizes_are_named() -> None:
    with pytest.raises(BlockArgumentError, match=r"SDA: all maps must have one size, got x\[0\] 4x4, x\[1\] 2x2"):
        SDA([4, 4])([torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 2, 2)])
