# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""DCDC: the contract, and its two branches against plain operations."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.contract import BlockContract
from yolo_fine.blocks import DCDC


class TestDCDC(BlockContract):
    block = DCDC
    channels = (32,)
    published = {"gain": None}
    parameters = [((128,), {"gain": None}, 48_680), ((128,), {}, 48_680 + 128)]
    wrong = [
        ((32,), {"kernel": 4}, "kernel"),
        ((32,), {"kernel": 1}, "kernel"),
        ((32,), {"groups": 5}, "32 channels"),
        ((32,), {"gain": "a"}, "gain"),
    ]


class TestDCDCOfFive(TestDCDC):
    arguments = {"kernel": 5, "groups": 4}


@pytest.mark.parametrize("kernel", [3, 5])
def test_the_shared_branch_is_a_depthwise_convolution_for_each_image(kernel: int) -> None:
    block, x = DCDC(8, kernel, gain=None).eval(), torch.randn(2, 8, 6, 7)
    for parameter in block.local[1].parameters():
        torch.nn.init.zeros_(parameter)
    kernels = block.shared(x.mean((2, 3))).reshape(2, 8, 1, kernel, kernel)
    expected = [F.conv2d(one[None], own, padding=kernel // 2, groups=8) for one, own in zip(x, kernels, strict=True)]
    torch.testing.assert_close(block(x), torch.cat(expected), rtol=1e-4, atol=1e-5)


def test_the_local_branch_is_an_involution() -> None:
    block, x = DCDC(8, groups=2, gain=None).eval(), torch.randn(2, 8, 6, 7)
    for parameter in block.shared[2].parameters():
        torch.nn.init.zeros_(parameter)
    patches = F.unfold(x, 3, padding=1).reshape(2, 2, 4, 9, 6, 7)
    kernels = block.local(x).reshape(2, 2, 1, 9, 6, 7)
    torch.testing.assert_close(block(x), (patches * kernels).sum(3).reshape(2, 8, 6, 7), rtol=1e-4, atol=1e-5)
