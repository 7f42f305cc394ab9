# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SEM: the contract, and its gate."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import SEM


class TestSEM(BlockContract):
    block = SEM
    channels = (32,)
    arguments = {"reduction": 4}  # of two hidden values, both may start dead
    published = {"gain": None}
    golden = "sem"
    parameters = [((128,), {"gain": None}, 2832), ((128,), {}, 2832 + 128)]
    wrong = [((32,), {"reduction": 0}, "reduction"), ((32,), {"gain": "a"}, "gain")]


def test_one_factor_for_each_channel() -> None:
    x = torch.rand(2, 32, 5, 7) + 0.5
    factor = SEM(32, gain=None)(x) / x
    torch.testing.assert_close(factor, factor[:, :, :1, :1].expand_as(factor))
    assert 0.05 < factor.mean() < 0.2  # three sigmoids, the third of about -0.5


def test_a_closed_switch_leaves_an_eighth() -> None:
    block, x = SEM(32, gain=None), torch.randn(2, 32, 5, 7)
    torch.nn.init.constant_(block.switch.bias, -100.0)
    torch.testing.assert_close(block(x), x / 8)
