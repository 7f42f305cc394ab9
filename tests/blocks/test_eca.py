# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""ECA: the contract, the width of its filter, and its neighbours."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import ECA


class TestECA(BlockContract):
    block = ECA
    channels = (32,)
    published = {"gain": None}
    golden = "eca"
    parameters = [((128,), {"gain": None}, 5), ((128,), {}, 5 + 128), ((64,), {"kernel": 7, "gain": None}, 7)]
    wrong = [((32,), {"kernel": 4}, "kernel"), ((32,), {"kernel": 0}, "kernel"), ((32,), {"kernel": True}, "kernel")]


@pytest.mark.parametrize(("channels", "width"), [(1, 1), (16, 3), (64, 3), (128, 5), (256, 5), (512, 5)])
def test_the_filter_has_the_papers_width(channels: int, width: int) -> None:
    assert ECA(channels).conv.kernel_size == (width,)


def test_a_channel_is_gated_by_its_neighbours_only() -> None:
    block, x = ECA(16, kernel=3, gain=None), torch.randn(1, 16, 4, 4)
    other = x.clone()
    other[:, 8] += 3
    changed = (block(x) - block(other)).abs().amax((0, 2, 3)).nonzero().flatten()
    assert changed.tolist() == [7, 8, 9]
