# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""AFA: the contract, and which map each attention reads."""

from __future__ import annotations

import torch

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import AFA


class TestAFA(BlockContract):
    block = AFA
    channels = (48, 32)
    identity = False
    golden = "afa"
    parameters = [((128, 128), {}, 297_616), ((256, 128), {}, 297_616 + 256 * 128 + 2 * 128)]
    wrong = [((32, 32), {"reduction": 0}, "reduction")]

    def maps(self, height: int = 16, width: int = 24, batch: int = 2, seed: int = 1) -> Maps:
        # Images of different means, as real ones: a batch norm over two means divides by what they differ in.
        maps = super().maps(height, width, batch, seed)
        generator = torch.Generator().manual_seed(seed)
        return [x + torch.randn(x.shape[:2], generator=generator)[:, :, None, None] for x in maps]


def saturated(spatial: float, channel: float) -> AFA:
    """AFA on positive maps whose two attentions are 0 (for a large negative value) or 1."""
    block = AFA(8, 8).eval()
    for layer, value in ((block.spatial, spatial), (block.channel, channel)):
        torch.nn.init.constant_(layer[0].bn.bias, 1e3)
        torch.nn.init.constant_(layer[-1].weight, value)
    torch.nn.init.constant_(block.spatial[1].bn.bias, 1e3)
    return block


def test_the_attentions_choose_a_map() -> None:
    high, low = torch.rand(2, 8, 5, 7), torch.rand(2, 8, 5, 7)
    torch.testing.assert_close(saturated(1.0, -1.0)([high, low]), low)
    torch.testing.assert_close(saturated(-1.0, 1.0)([high, low]), high)
    assert saturated(1.0, 1.0)([high, low]).abs().max() < 1e-6


def test_without_logits_it_is_a_quarter_of_the_sum() -> None:
    high, low = torch.randn(2, 8, 5, 7), torch.randn(2, 8, 5, 7)
    torch.testing.assert_close(saturated(0.0, 0.0)([high, low]), (high + low) / 4)


def test_a_single_image_leaves_the_running_statistics_of_the_pooled_branch() -> None:
    block = AFA(8, 8).train()
    block([torch.randn(1, 8, 5, 7), torch.randn(1, 8, 5, 7)])
    assert block.channel[0].bn.num_batches_tracked == 0
    assert block.spatial[0].bn.num_batches_tracked == 1
