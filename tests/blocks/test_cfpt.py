# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""CFPT: the contract, with its outputs in one line; windows that overlap; levels that meet on the coarsest grid."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import CFPT
from yolo_fine.blocks.cfpt import CrossLayerCells, CrossLayerChannels
from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers.cross_layer import PositionBias, overlapping, summed


class InOneLine(nn.Module):
    """A block whose maps stand in one line, fine to coarse: what the contract compares is one tensor."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Maps) -> Tensor:
        return torch.cat([one.flatten(2) for one in self.block(x)], dim=2).unsqueeze(3)


class TestCFPT(BlockContract):
    block = CFPT
    channels = (16, 24, 40)
    arguments = {"extra": 1}
    identity = False
    golden = "cfpt"
    parameters = [
        (([128, 256, 512], 128), {}, 629_512),
        (([128, 256, 512], 128), {"extra": 2}, 1_539_720),
        (([128, 256, 512], 128), {"gain": 0.0}, 629_512 + 3 * 128),
    ]
    wrong = [
        (([16, 24], 40), {"heads": 3}, "c2"),
        (([16, 24], 32), {"extra": 3}, "extra"),
        (([16, 24], 32), {"reduction": 0}, "reduction"),
    ]

    def build(self, **arguments: Any) -> nn.Module:
        torch.manual_seed(0)
        return InOneLine(CFPT(list(self.channels), 32, **{**self.arguments, **arguments}))

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        found = [(height, width)]
        for _ in self.channels[1:]:
            found.append(((found[-1][0] + 1) // 2, (found[-1][1] + 1) // 2))
        return found

    @pytest.mark.parametrize("training", [False, True])
    @pytest.mark.parametrize(("height", "width", "batch"), [(16, 24, 2), (13, 9, 1), (1, 1, 2), (1, 8, 2), (9, 1, 2)])
    def test_output_is_as_declared(self, height: int, width: int, batch: int, training: bool) -> None:
        maps = self.maps(height, width, batch)
        y = self.random().train(training).block(maps)
        assert [one.shape[1] for one in y] == self.spec.output_list(self.channels, 32, self.arguments)
        assert [one.shape[2:] for one in y[:3]] == [one.shape[2:] for one in maps]
        assert all(one.isfinite().all() for one in y)

    def test_single_cell_of_one_image(self) -> None:
        assert self.run(self.random(), self.maps(1, 1, 1)).shape == (1, 32, 4, 1)

    def test_wrong_arguments_are_named(self) -> None:
        for channels, arguments, named in self.wrong:
            with pytest.raises(BlockArgumentError, match=f"CFPT argument '{named}'"):
                CFPT(*channels, **arguments)


def test_a_gain_of_0_gives_the_projected_maps_and_1_the_authors_form() -> None:
    torch.manual_seed(0)
    published, start = CFPT([8, 16], 16).eval(), CFPT([8, 16], 16, gain=0.0).eval()
    x = [torch.randn(1, 8, 8, 12), torch.randn(1, 16, 4, 6)]
    for found, project, one in zip(start(x), start.laterals, x, strict=True):
        assert torch.equal(found, project(one))
    start.load_state_dict({**published.state_dict(), **{f"gains.{i}.weight": torch.ones(16) for i in range(2)}})
    for found, expected in zip(start(x), published(x), strict=True):
        torch.testing.assert_close(found, expected)


def test_every_level_reads_all_others() -> None:
    torch.manual_seed(0)
    block = CFPT([8, 8, 8], 16).eval()
    x = [torch.randn(1, 8, 16, 16), torch.randn(1, 8, 8, 8), torch.randn(1, 8, 4, 4)]
    before = block(x)
    for changed in range(3):
        other = [one + (i == changed) for i, one in enumerate(x)]
        assert all((a - b).abs().max() > 1e-4 for a, b in zip(block(other), before, strict=True))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_windows_overlap_by_one_and_sum_up_to_what_fold_gives(size: int) -> None:
    x = torch.randn(2, 3, 8, 12)
    windows = overlapping(overlapping(x, 2, size), 4, size)
    wide = size + (size > 1)
    columns = F.unfold(x, wide, padding=int(size > 1), stride=size)
    expected = columns.view(2, 3, wide, wide, 8 // size, 12 // size).permute(0, 1, 4, 2, 5, 3)
    assert torch.equal(windows, expected)
    back = summed(summed(windows, 4, size), 2, size)
    torch.testing.assert_close(back, F.fold(columns, (8, 12), wide, padding=int(size > 1), stride=size))


@pytest.mark.parametrize(("form", "axes"), [(CrossLayerChannels, 1), (CrossLayerCells, 2)])
def test_sizes_that_are_no_multiples_are_filled_up_with_zeros(form: type, axes: int) -> None:
    torch.manual_seed(0)
    block = form(16, 2, 4, 2, mlp_ratio=2, axes=axes).eval()
    fine, coarse = torch.randn(1, 24, 5, 7), torch.randn(1, 24, 3, 4)
    filled = F.pad(fine, (0, 1, 0, 1))
    block.levels[0].before = block.levels[1].before = nn.Identity()
    for level in block.levels:
        level.qkv, level.finish = nn.Identity(), lambda x, attended: attended
    for found, expected in zip(block([fine, coarse]), block([filled, coarse]), strict=True):
        torch.testing.assert_close(found, expected[:, :, : found.shape[2], : found.shape[3]])


def test_equal_places_have_one_bias_and_fractions_lie_between() -> None:
    bias = PositionBias([5, 3], 1, 2)
    with torch.no_grad():
        bias.table.copy_(torch.arange(9.0)[:, None].expand(9, 2))
    found = bias()
    assert found.shape == (2, 8, 8)
    places = torch.tensor([-2.0, -1, 0, 1, 2, -5 / 3, 0, 5 / 3])
    torch.testing.assert_close(found[0], places[:, None] - places + 4)


def test_wrong_sizes_are_named() -> None:
    with pytest.raises(BlockArgumentError, match=r"CFPT: each map must have half .*x\[1\] 8x8, x\[0\] 8x8"):
        CFPT([8, 8], 16)([torch.zeros(1, 8, 8, 8), torch.zeros(1, 8, 8, 8)])
