# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""MSCAM: the contract, and single images in training."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import MSCAM


class TestMSCAM(BlockContract):
    block = MSCAM
    channels = (32,)
    published = {"gain": None}
    golden = "ms_cam"
    parameters = [((128,), {"gain": None}, 17_344), ((128,), {}, 17_344 + 128)]
    wrong = [((32,), {"reduction": 0}, "reduction"), ((32,), {"gain": "a"}, "gain")]
    without_gradient = frozenset({"local.0.conv.bias", "local.1.conv.bias"})  # the batch norm takes them out again


def test_a_single_image_is_normed_by_the_running_statistics_of_the_pooled_branch() -> None:
    block, x = MSCAM(32, gain=None).train(), torch.randn(1, 32, 6, 6)
    for layer in block.pooled:
        torch.nn.init.uniform_(layer.bn.running_var, 0.5, 2.0)
    pooled = x.mean((2, 3), keepdim=True)
    trained = block.pooled(pooled)
    assert all(layer.bn.num_batches_tracked == 0 for layer in block.pooled)
    torch.testing.assert_close(trained, block.eval().pooled(pooled))


def test_two_images_are_normed_by_their_own_statistics() -> None:
    block = MSCAM(32, gain=None).train()
    block(torch.randn(2, 32, 6, 6))
    assert all(layer.bn.num_batches_tracked == 1 for layer in (*block.pooled, *block.local))
