# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""PST: the contract in the training form and with the best cells, and which cells these are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import PST
from yolo_fine.blocks.pst import PSTLayer
from yolo_fine.errors import BlockArgumentError


class TestPST(BlockContract):
    block = PST
    channels = (48, 64)
    published = {"gain": None}
    golden = "pst"
    parameters = [
        ((256, 128), {"gain": None}, 78_400),
        ((256, 128), {}, 78_400 + 128),
        ((256, 128), {"top": 8, "gain": None}, 80_480),
        ((64, 32), {"hidden": 64, "gain": None}, 78_400 - 192 * 64 - 96 * 64 - 96 * 128 - 2 * 96),
    ]
    wrong = [
        ((48, 64), {"top": -1}, "top"),
        ((48, 64), {"layers": 0}, "layers"),
        ((48, 64), {"mlp_ratio": 0}, "mlp_ratio"),
        ((48, 64), {"hidden": 48}, "hidden"),
        ((48, 64), {"gain": "x"}, "gain"),
    ]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width)]

    def untouched(self, x: Maps) -> Tensor:
        return x[1]


class TestPSTWithTheBestCells(TestPST):
    arguments = {"top": 4, "layers": 2, "hidden": 64, "gain": 0.0}


def test_only_the_cells_under_the_best_ones_are_read() -> None:
    torch.manual_seed(0)
    layer = PSTLayer(32, 2, top=1).eval()
    torch.nn.init.constant_(layer.gate.bias, 30.0)  # the fine part alone
    torch.nn.init.normal_(layer.query.conv.weight)
    torch.nn.init.normal_(layer.key_value.conv.weight)
    fine, coarse = torch.randn(1, 32, 8, 6), torch.randn(1, 32, 4, 3)
    query = layer.query(fine).flatten(2).mean(2)  # (1, d)
    key, _ = layer.key_value(coarse).chunk(2, 1)
    row, column = divmod(int((query @ key.flatten(2)[0]).argmax()), 3)
    read = torch.zeros(8, 6, dtype=torch.bool)
    for i in range(8):
        for j in range(6):
            other = fine.clone()
            other[..., i, j] += 1.0
            with torch.no_grad():  # queries as before: only keys and values of the fine map change
                y, z = (refined(layer, fine, keys, coarse) for keys in (fine, other))
            read[i, j] = not torch.equal(y, z)
    expected = torch.zeros(8, 6, dtype=torch.bool)
    expected[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = True
    assert torch.equal(read, expected)


def refined(layer: PSTLayer, fine: Tensor, keys: Tensor, coarse: Tensor) -> Tensor:
    query = layer._by_head(layer.query(fine))
    key, _ = layer._by_head(layer.key_value(coarse)).chunk(2, dim=2)
    return layer._refined(torch.zeros_like(query), query, key, keys, coarse)


def test_a_new_gate_is_nearly_closed() -> None:
    torch.manual_seed(0)
    plain, block = PST(48, 64, gain=None).eval(), PST(48, 64, top=8, gain=None).eval()
    block.load_state_dict(plain.state_dict(), strict=False)
    x = [torch.randn(1, 48, 8, 8), torch.randn(1, 64, 16, 16)]
    assert 0 < (block(x) - plain(x)).abs().mean() < 0.02 * plain(x).abs().mean()


def test_sizes_must_fit() -> None:
    with pytest.raises(BlockArgumentError, match="high 4x4, low 6x8"):
        PST(8, 8)([torch.zeros(1, 8, 4, 4), torch.zeros(1, 8, 6, 8)])
