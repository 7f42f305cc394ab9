# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""Res2Net: the contract, and how far each slice sees."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import Res2Net


class TestRes2Net(BlockContract):
    block = Res2Net
    channels = (32,)
    published = {"gain": None}
    golden = "res2net"
    parameters = [((128,), {"gain": None}, 18_313), ((128,), {}, 18_313 + 128)]
    wrong = [
        ((32,), {"scale": 1}, "scale"),
        ((32,), {"base_width": 0}, "base_width"),
        ((32,), {"base_width": 4}, "32 channels"),
        ((32,), {"gain": "a"}, "gain"),
    ]


def test_each_slice_sees_one_cell_farther_than_the_one_before() -> None:
    block, x = Res2Net(64, gain=None).eval(), torch.randn(1, 64, 15, 15)
    other = x.clone()
    other[:, :, 7, 7] += 1
    seen: list[torch.Tensor] = []
    block.leave.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    block(x), block(other)
    reached = [(a != b).any(1).squeeze(0) for a, b in zip(*(y.split(block.width, 1) for y in seen), strict=True)]
    for reach, farthest in zip(reached, (1, 2, 3, 0), strict=True):
        rows, columns = reach.nonzero(as_tuple=True)
        for cells in (rows, columns):
            assert cells.min() >= 7 - farthest
            assert cells.max() <= 7 + farthest
    assert reached[2].sum() > reached[0].sum() > reached[3].sum()


def test_gain_of_one_is_the_published_form() -> None:
    published, blended = Res2Net(32, gain=None).eval(), Res2Net(32, gain=1.0).eval()
    blended.load_state_dict(published.state_dict(), strict=False)
    x = torch.randn(2, 32, 9, 7)
    torch.testing.assert_close(blended(x), published(x))
