# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""ASPPLite: the contract, and its look at the whole map."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import ASPPLite


class TestASPPLite(BlockContract):
    block = ASPPLite
    channels = (32,)
    published = {"gain": None}
    parameters = [((128,), {"gain": None}, 42_592), ((128,), {}, 42_592 + 128)]
    wrong = [
        ((30,), {}, "channels"),
        ((32,), {"dilations": (1, 0)}, "dilations"),
        ((32,), {"dilations": ()}, "dilations"),
        ((32,), {"gain": "a"}, "gain"),
    ]


def test_every_cell_reaches_every_other() -> None:
    x = torch.randn(1, 16, 20, 20, requires_grad=True)
    ASPPLite(16, gain=None).eval()(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("batch", [1, 2])
def test_the_mean_of_one_image_is_normed_by_running_statistics(batch: int) -> None:
    block = ASPPLite(16).train()
    block(torch.randn(batch, 16, 4, 4))
    assert int(block.pooled.bn.num_batches_tracked) == batch - 1
