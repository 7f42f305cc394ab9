# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""CAT: the contract, its entropy, and its factors."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import CAT
from yolo_fine.blocks.cat import entropy


class TestCAT(BlockContract):
    block = CAT
    channels = (32,)
    published = {"gain": None}
    parameters = [((128,), {"gain": None}, 2241), ((128,), {}, 2241 + 128)]
    wrong = [((32,), {"reduction": 0}, "reduction"), ((32,), {"gain": "a"}, "gain")]


def test_entropy_is_largest_for_equal_values_and_zero_for_a_single_peak() -> None:
    flat, peak = torch.zeros(1, 1, 64), torch.zeros(1, 1, 64)
    peak[..., 5] = 100
    torch.testing.assert_close(entropy(flat, 2), torch.full((1, 1), 64.0).log())
    torch.testing.assert_close(entropy(peak, 2), torch.zeros(1, 1))


@pytest.mark.parametrize("which", [0, 1])
def test_the_outer_factors_choose_an_attention(which: int) -> None:
    block, x = CAT(16, gain=None).eval(), torch.randn(2, 16, 6, 5)
    with torch.no_grad():
        block.outer_factors[which] = 100.0
    gate = block(x) / x
    others = gate.mean((2, 3), keepdim=True) if which == 0 else gate.mean(1, keepdim=True)
    torch.testing.assert_close(gate, others.expand_as(gate), rtol=1e-4, atol=1e-5)


def test_a_constant_added_to_the_map_does_not_change_its_entropies() -> None:
    block, x = CAT(16, gain=None).eval(), torch.randn(2, 16, 6, 5)
    with torch.no_grad():
        for factors in (block.channel_factors, block.spatial_factors):
            factors[2] = 100.0
    torch.testing.assert_close(block(x) / x, block(x + 3) / (x + 3), rtol=1e-3, atol=1e-4)
