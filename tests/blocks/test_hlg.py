# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""HLG: the contract, its windows, and cells that are filled up."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.contract import BlockContract
from yolo_fine.blocks import HLG
from yolo_fine.layers.windows import from_windows, pad_to_multiple, real_cells, to_windows


class TestHLG(BlockContract):
    block = HLG
    channels = (32,)
    published = {"gain": None}
    parameters = [((128,), {"gain": None}, 132_608), ((128,), {}, 132_608 + 128)]
    wrong = [((32,), {"heads": 5}, "heads"), ((32,), {"window": 0}, "window"), ((32,), {"gain": "a"}, "gain")]


class TestHLGOfSmallWindows(TestHLG):
    arguments = {"window": 3, "heads": 4}


@pytest.mark.parametrize(("height", "width"), [(8, 12), (5, 7), (1, 1), (4, 9)])
def test_windows_are_cut_and_put_together(height: int, width: int) -> None:
    x = torch.randn(2, 3, height, width)
    tiles = to_windows(pad_to_multiple(x, 4), 4)
    assert tiles.shape == (2, -(-height // 4) * -(-width // 4), 16, 3)
    torch.testing.assert_close(tiles[0, 0, :, 1], pad_to_multiple(x, 4)[0, 1, :4, :4].flatten())
    assert torch.equal(from_windows(tiles, 4, height, width), x)
    assert int(real_cells(x, 4).sum()) == height * width


def test_local_attention_stays_in_its_window() -> None:
    block = HLG(16, window=4, gain=None)
    for tensor in (block.attention.out_proj.weight, block.attention.out_proj.bias):
        nn.init.zeros_(tensor)
    x = torch.randn(1, 16, 8, 8, requires_grad=True)
    block(x)[0, :, 1, 6].sum().backward()
    assert x.grad is not None
    reached = x.grad[0].abs().sum(0) > 0
    assert reached[:4, 4:].all()
    assert int(reached.sum()) == 16


def test_global_attention_reaches_all() -> None:
    x = torch.randn(1, 16, 7, 9, requires_grad=True)
    HLG(16, window=4, gain=None)(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()


def test_cells_that_are_filled_up_are_not_attended_to() -> None:
    # A window larger than the map is plain attention over the map, whatever its size.
    small, large, x = HLG(16, window=5, gain=None), HLG(16, window=9, gain=None), torch.randn(1, 16, 5, 5)
    large.load_state_dict(small.state_dict())
    torch.testing.assert_close(large(x), small(x), rtol=1e-4, atol=1e-5)
