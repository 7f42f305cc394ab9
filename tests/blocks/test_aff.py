# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""AFF and iAFF: the contract, what they mix, and that every branch is used."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import AFF, iAFF
from yolo_fine.errors import BlockArgumentError


class ImagesOfDifferentMeans(BlockContract):
    """As real ones: a batch norm over the means of two images divides by what they differ in."""

    def maps(self, height: int = 16, width: int = 24, batch: int = 2, seed: int = 1) -> Maps:
        maps = super().maps(height, width, batch, seed)
        generator = torch.Generator().manual_seed(seed)
        return [x + torch.randn(x.shape[:2], generator=generator)[:, :, None, None] for x in maps]


class TestAFF(ImagesOfDifferentMeans):
    block = AFF
    channels = (48, 32)
    identity = False
    golden = "aff"
    parameters = [((128, 128), {}, 17_344), ((256, 128), {}, 17_344 + 256 * 128 + 2 * 128)]
    wrong = [((32, 32), {"reduction": 0}, "reduction"), ((32, 32), {"scale": 0.0}, "scale")]
    # The batch norm behind these biases takes them out again.
    without_gradient = frozenset({"attention.local.0.conv.bias", "attention.local.1.conv.bias"})


class TestIAFF(ImagesOfDifferentMeans):
    block = iAFF
    channels = (48, 32)
    identity = False
    golden = "iaff"
    parameters = [((128, 128), {}, 34_688)]
    wrong = [((32, 32), {"reduction": -1}, "reduction")]
    without_gradient = frozenset(f"{stage}.local.{i}.conv.bias" for stage in ("first", "second") for i in (0, 1))


@pytest.mark.parametrize("block", [AFF, iAFF])
def test_two_equal_maps_are_returned(block: type[AFF | iAFF]) -> None:
    x = torch.randn(2, 16, 6, 5)
    factor = 2 if block is AFF else 1
    torch.testing.assert_close(block(16, 16).eval()([x, x]), factor * x)


def test_the_papers_equation_is_half_the_code() -> None:
    code, paper = AFF(16, 16).eval(), AFF(16, 16, scale=1.0).eval()
    paper.load_state_dict(code.state_dict())
    x = [torch.randn(2, 16, 6, 5), torch.randn(2, 16, 6, 5)]
    torch.testing.assert_close(code(x), 2 * paper(x))


def test_the_second_stage_has_a_pooled_branch_of_its_own() -> None:
    block, x = iAFF(16, 16).eval(), [torch.randn(2, 16, 6, 5), torch.randn(2, 16, 6, 5)]
    before = block(x)
    torch.nn.init.constant_(block.second.pooled[1].bn.bias, 50.0)
    torch.testing.assert_close(block(x), x[1])
    assert not torch.allclose(before, x[1])


@pytest.mark.parametrize("block", [AFF, iAFF])
def test_maps_of_two_sizes_are_named(block: type[AFF | iAFF]) -> None:
    with pytest.raises(BlockArgumentError, match=r"AFF: all maps must have one size, got x\[0\] 2x2, x\[1\] 4x4"):
        block(4, 4)([torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 4, 4)])
