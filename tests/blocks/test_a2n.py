# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""A2N: the contract, and its two branches."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import A2N


class TestA2N(BlockContract):
    block = A2N
    channels = (16,)
    published = {"gain": None}
    golden = "a2n_aab"
    parameters = [((128,), {"gain": None}, 643_264), ((128,), {}, 643_264 + 128)]
    wrong = [
        ((16,), {"reduction": 0}, "reduction"),
        ((16,), {"temperature": 0.0}, "temperature"),
        ((16,), {"gain": "a"}, "gain"),
    ]

    def test_published_form_changes_the_output(self) -> None:
        x = self.maps()  # on random weights: at its own the published residual starts small
        assert (self.run(self.random(gain=None), x) - x[0]).abs().mean() > 0.05 * x[0].abs().mean()


def test_the_switch_chooses_a_branch_for_each_image() -> None:
    block, x = A2N(16, temperature=1e-3, gain=None), torch.randn(1, 16, 8, 8)
    torch.nn.init.constant_(block.squeeze.weight, 1.0)
    torch.nn.init.constant_(block.first.weight, 1.0)  # means of one sign
    x = x.abs()
    block.weigh.weight.data[0], block.weigh.weight.data[1] = -1.0, 1.0  # the plain branch
    before = block(x)
    torch.nn.init.zeros_(block.attend.weight)
    torch.testing.assert_close(block(x), before)
    torch.nn.init.zeros_(block.read.weight)
    torch.testing.assert_close(block(x), x)


def test_it_looks_two_cells_far() -> None:
    x = torch.randn(1, 8, 15, 15, requires_grad=True)
    block = A2N(8, gain=None)
    torch.nn.init.zeros_(block.weigh.weight)  # else the mean sees all
    (block(x) - x)[0, :, 7, 7].sum().backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0).nonzero()
    assert seen.min() == 5  # one 3x3 before the gate and one behind it
    assert seen.max() == 9
