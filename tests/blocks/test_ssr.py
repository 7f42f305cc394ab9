# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SSR: the contract, what is in front hides what is behind, and a model whose head reads it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.composed import step_and_export
from tests.contract import BlockContract, Maps
from yolo_fine.blocks import SSR
from yolo_fine.errors import BlockArgumentError


class TestSSR(BlockContract):
    block = SSR
    channels = (16, 32, 32)
    identity = False
    golden = "ssr"
    parameters = [
        (([128, 128],), {}, 46_240),
        (([128, 128, 128],), {"reduction": 1}, 295_552),
        (([256, 128],), {}, 46_240 + 256 * 128 + 2 * 128),
        (([128, 128],), {"gain": 0.0}, 46_240 + 128),
    ]
    wrong = [(([32, 32],), {"reduction": 0}, "reduction"), (([32, 32],), {"gain": "x"}, "gain")]

    def build(self, **arguments: Any) -> nn.Module:
        torch.manual_seed(0)
        return SSR(list(self.channels), **{**self.arguments, **arguments})

    def untouched(self, x: Maps) -> Tensor:
        return x[-1]


class Opaque(nn.Module):
    """The opacity that the first channel of a map states."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1]


def test_weights_follow_the_order_from_front_to_back() -> None:
    block = SSR([2, 2, 2], renormalise=False)
    block.opacity = Opaque()
    opacity = torch.tensor([0.5, 2.0, 1.0])
    x = [torch.stack([a, torch.ones(())]).view(1, 2, 1, 1) for a in opacity]
    through = torch.exp(-opacity)
    weights = torch.tensor([1.0, through[0], through[0] * through[1]]) * (1 - through)
    torch.testing.assert_close(block(x)[0, 1, 0, 0], weights.sum())
    torch.testing.assert_close(block(x)[0, 0, 0, 0], (weights * opacity).sum())
    block.renormalise = True
    torch.testing.assert_close(block(x)[0, 1, 0, 0], torch.ones(()), rtol=1e-5, atol=1e-5)


def test_an_opaque_map_hides_all_behind_it_and_a_clear_one_nothing() -> None:
    block = SSR([1, 1])
    block.opacity = Opaque()
    front, back = torch.full((1, 1, 1, 1), 1e3), torch.full((1, 1, 1, 1), 3.0)
    torch.testing.assert_close(block([front, back]), front)
    torch.testing.assert_close(block([torch.zeros(1, 1, 1, 1), back]), back)


def test_a_gain_of_0_is_the_last_map_and_learns() -> None:
    torch.manual_seed(0)
    block = SSR([24, 16], gain=0.0).train()
    optimizer = torch.optim.SGD(block.parameters(), lr=0.1)
    for step in range(2):
        x = [torch.randn(2, 24, 7, 9), torch.randn(2, 16, 7, 9)]
        y = block(x)
        assert step or torch.equal(y, x[1])
        optimizer.zero_grad()
        (y * torch.randn_like(y)).sum().backward()
        optimizer.step()
    weights = {name: parameter.grad for name, parameter in block.named_parameters() if not name.endswith("bias")}
    assert all(gradient.abs().sum() > 0 for gradient in weights.values())


def test_maps_of_two_sizes_are_named() -> None:
    with pytest.raises(BlockArgumentError, match=r"SSR: all maps must have one size, got x\[0\] 4x4, x\[1\] 2x2"):
        SSR([4, 4])([torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 2, 2)])


LATE_FUSION = """
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 6], 1, Concat, [1]]
  - [-1, 2, C3k2, [512, False]] # 13: P4
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 4], 1, Concat, [1]]
  - [-1, 2, C3k2, [256, False]] # 16: P3
  - [10, 1, nn.Upsample, [None, 2, "nearest"]] # 17
  - [[17, 13], 1, SSR, [{gain: 0.0}]] # 18: P4 behind P5
  - [18, 1, nn.Upsample, [None, 2, "nearest"]] # 19
  - [[19, 16], 1, SSR, []] # 20: P3 behind P4
  - [[20, 18, 10], 1, Detect, [nc]]
"""


@pytest.mark.filterwarnings("ignore")  # the tracer's, about sizes
def test_a_head_that_reads_scales_laid_over_one_another(tmp_path, monkeypatch) -> None:
    network = step_and_export(LATE_FUSION, tmp_path, monkeypatch)
    assert [type(layer).__name__ for layer in network.model[18:21]] == ["SSR", "Upsample", "SSR"]
