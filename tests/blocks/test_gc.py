# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""GC: the contract in its three forms, and its context."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import GC


class TestGC(BlockContract):
    block = GC
    channels = (32,)
    golden = "gc_"
    parameters = [
        ((128,), {}, 8545),
        ((128,), {"ratio": 0.0625}, 2329),
        ((128,), {"gain": 0.0}, 8545 + 128),
        ((128,), {"multiply": True}, 8545 + 8416),
    ]
    wrong = [((32,), {"ratio": 0.01}, "ratio"), ((32,), {"ratio": "4"}, "ratio"), ((32,), {"gain": "a"}, "gain")]
    without_gradient = frozenset({"mask.bias"})  # the softmax does not see it


class TestGCMultiply(TestGC):
    arguments = {"multiply": True, "gain": 0.0}
    published = {"multiply": True, "gain": None}


def test_adds_the_same_to_every_position() -> None:
    block, x = GC(16), torch.randn(2, 16, 5, 7)
    torch.nn.init.normal_(block.add.excite.weight)
    added = block(x) - x
    assert added.abs().mean() > 0.1
    torch.testing.assert_close(added, added[:, :, :1, :1].expand_as(added))


def test_the_context_is_read_where_the_mask_is_large() -> None:
    block, x = GC(16), torch.randn(1, 16, 5, 7)
    torch.nn.init.normal_(block.add.excite.weight)
    torch.nn.init.constant_(block.mask.weight, 0.0)
    block.mask.weight.data[0, 0] = 1.0
    x[0, 0, 2, 3] = 100.0  # the mask sees this cell alone
    other = x.clone()
    other[..., 0, 0] += 1.0
    torch.testing.assert_close((block(x) - x), (block(other) - other), rtol=1e-4, atol=1e-4)
