# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""DWR: the contract, and its reach."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import DWR


class TestDWR(BlockContract):
    block = DWR
    channels = (32,)
    parameters = [((128,), {"gain": None}, 254_848), ((128,), {}, 254_848 + 128)]
    wrong = [((31,), {}, "channels"), ((32,), {"gain": "a"}, "gain")]


def test_reach_is_six_cells_either_way() -> None:
    x = torch.randn(1, 8, 17, 17, requires_grad=True)
    DWR(8, gain=None).eval()(x)[0, :, 8, 8].sum().backward()
    assert x.grad is not None
    assert x.grad[0].abs().sum((0, 2)).nonzero().flatten().tolist() == list(range(2, 15))


def test_the_residual_is_kept() -> None:
    block, x = DWR(8, gain=None).eval(), torch.randn(1, 8, 6, 6)
    torch.nn.init.zeros_(block.merge.bn.weight)
    torch.testing.assert_close(block(x), x)


def test_published_form_changes_the_output() -> None:
    # In training: in eval mode, before any statistics, what is added to x is small.
    x = torch.randn(2, 32, 16, 16, generator=torch.Generator().manual_seed(0))
    assert (DWR(32, gain=None).train()(x) - x).abs().mean() > 0.05 * x.abs().mean()
