# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""RFB: the contract, and its reach."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import RFB


class TestRFB(BlockContract):
    block = RFB
    channels = (32,)
    published = {"gain": None}
    golden = "rfb"
    parameters = [((128,), {"gain": None}, 80_496), ((128,), {}, 80_496 + 128)]
    wrong = [((30,), {}, "channels"), ((32,), {"scale": "small"}, "scale"), ((32,), {"gain": True}, "gain")]


def test_reach_is_that_of_the_deepest_branch() -> None:
    x = torch.zeros(1, 16, 15, 15, requires_grad=True)
    block = RFB(16, gain=None).eval()
    for layer in block.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.constant_(layer.weight, 0.1)
    (block(x + 1)[0, :, 7, 7]).sum().backward()
    assert x.grad is not None
    rows = x.grad[0].sum(0).abs().sum(1).nonzero().flatten().tolist()
    assert rows == list(range(2, 13))  # 1 + 1 + 3 cells either way


def test_scale_of_zero_leaves_the_shortcut() -> None:
    block, x = RFB(16, scale=0.0, gain=None).eval(), torch.randn(1, 16, 6, 5)
    torch.testing.assert_close(block(x), block.shortcut(x).relu())
