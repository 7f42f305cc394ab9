# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SharedDilation: the contract, its reach, and its one kernel."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import SharedDilation


class TestSharedDilation(BlockContract):
    block = SharedDilation
    channels = (32,)
    published = {"gain": None}
    parameters = [
        ((128,), {"gain": None}, 53_760),
        ((128,), {}, 53_760 + 128),
        ((128,), {"dilations": (1, 2, 3, 5), "gain": None}, 53_760),  # one kernel for all
    ]
    wrong = [
        ((31,), {}, "channels"),
        ((32,), {"dilations": (1, 2.5)}, "dilations"),
        ((32,), {"dilations": 3}, "dilations"),
        ((32,), {"gain": "a"}, "gain"),
    ]


def test_reach_is_the_largest_dilation() -> None:
    x = torch.zeros(1, 4, 15, 15, requires_grad=True)
    SharedDilation(4, dilations=(1, 5), gain=None).eval()(x)[0, :, 7, 7].sum().backward()
    assert x.grad is not None
    assert sorted(set(x.grad[0].sum(0).nonzero()[:, 0].tolist())) == [2, 6, 7, 8, 12]


def test_statistics_are_those_of_all_dilations_together() -> None:
    block, x = SharedDilation(8).train(), torch.randn(2, 8, 9, 9)
    block(x)
    shared, reduced = block.shared, block.reduce(x)
    together = torch.cat([shared._convolve(reduced, rate) for rate in (1, 2, 3)])
    torch.testing.assert_close(shared.bn.running_mean, shared.bn.momentum * together.mean((0, 2, 3)))
