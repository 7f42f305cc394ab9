# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""WeightedAdd: the contract, and its two kinds of weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.contract import BlockContract
from yolo_fine.blocks import WeightedAdd
from yolo_fine.errors import BlockArgumentError


class TestWeightedAdd(BlockContract):
    block = WeightedAdd
    channels = (32, 16, 32)
    identity = False
    parameters = [
        (([128, 128],), {}, 2),
        (([128, 128, 128],), {"weights": "plain"}, 3),
        (([128, 256],), {}, 2 + 128 * 256 + 2 * 128),
    ]
    wrong = [(([32, 32],), {"weights": "softmax"}, "weights")]
    # The contract's step is so large that it drives weights below 0, where ReLU stops them and their projections.
    without_gradient = frozenset(
        {"weight", "projections.1.conv.weight", "projections.1.bn.weight", "projections.1.bn.bias"}
    )

    def build(self, **arguments: Any) -> nn.Module:
        torch.manual_seed(0)
        return WeightedAdd(list(self.channels), **{**self.arguments, **arguments})


class TestWeightedAddPlain(TestWeightedAdd):
    arguments = {"weights": "plain"}
    without_gradient = frozenset()


@pytest.mark.parametrize(("weights", "divisor"), [("plain", 1), ("fast", 3 + 1e-4)])
def test_it_starts_as_the_sum_or_the_mean(weights: str, divisor: float) -> None:
    x = [torch.randn(2, 8, 5, 7) for _ in range(3)]
    y = WeightedAdd([8, 8, 8], weights=weights)(x)
    torch.testing.assert_close(y, (x[0] + x[1] + x[2]) / divisor)
    if weights == "plain":
        assert torch.equal(y, x[0] + x[1] + x[2])


def test_every_parameter_learns_from_the_first_step() -> None:
    block = WeightedAdd([8, 4, 8])
    (block([torch.randn(2, c, 5, 7) for c in (8, 4, 8)]) * torch.randn(2, 8, 5, 7)).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in block.parameters())


def test_fast_weights_are_never_negative_and_add_up_to_one() -> None:
    block = WeightedAdd([4, 4, 4])
    block.weight.data.copy_(torch.tensor([3.0, -5.0, 1.0]))
    x = [torch.randn(1, 4, 3, 3) for _ in range(3)]
    torch.testing.assert_close(block(x), 0.75 * x[0] + 0.25 * x[2], rtol=1e-3, atol=1e-3)


def test_maps_of_two_sizes_are_named() -> None:
    with pytest.raises(BlockArgumentError, match=r"WeightedAdd: all maps .* x\[0\] 4x4, x\[1\] 2x2"):
        WeightedAdd([4, 4])([torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 2, 2)])
