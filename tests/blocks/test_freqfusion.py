# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""FreqFusion: the contract, its kernels, and where it samples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import FreqFusion
from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers.kernels import blended, from_logits, upsampled


class TestFreqFusion(BlockContract):
    block = FreqFusion
    channels = (24, 16)
    arguments = {"hidden": 16}
    published = {"gain": None}
    golden = "freqfusion"
    half_tolerance = 0.1  # points move by a share of a cell where offsets are rounded
    parameters = [
        ((128, 128), {"gain": None}, 88_306),
        ((128, 128), {"groups": 0, "gain": None}, 36_130),
        ((256, 128), {}, 96_498 + 384),
    ]
    wrong = [
        ((24, 16), {"hidden": 12}, "hidden"),
        ((24, 16), {"groups": 5}, "groups"),
        ((24, 16), {"groups": -1}, "groups"),
        ((24, 16), {"padding": "border"}, "padding"),
        ((24, 16), {"gain": "x"}, "gain"),
    ]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width)]

    def untouched(self, x: Maps) -> Tensor:
        return torch.cat([F.interpolate(x[0], size=x[1].shape[2:], mode="nearest-exact"), x[1]], 1)


def test_kernels_add_up_to_1_and_fall_off_like_a_hamming_window() -> None:
    flat = from_logits(torch.zeros(1, 9, 1, 1)).flatten()
    torch.testing.assert_close(flat.sum(), torch.tensor(1.0))
    torch.testing.assert_close(
        flat / flat[4], torch.tensor([0.0064, 0.08, 0.0064, 0.08, 1, 0.08, 0.0064, 0.08, 0.0064])
    )
    assert from_logits(torch.randn(2, 25, 3, 4)).sum(1).allclose(torch.tensor(1.0))


@pytest.mark.parametrize("outside", ["zeros", "reflect"])
def test_blends_are_weighted_sums_of_unfolded_cells(outside: str) -> None:
    x, kernels = torch.randn(2, 3, 5, 6), torch.rand(2, 25, 10, 12)
    padded = F.pad(x, (2, 2, 2, 2), mode="constant" if outside == "zeros" else "reflect")
    cells = F.unfold(padded, 5).view(2, 75, 5, 6)
    cells = F.interpolate(cells, scale_factor=2.0).view(2, 3, 25, 10, 12)
    torch.testing.assert_close(upsampled(x, kernels, (10, 12), outside), (cells * kernels[:, None]).sum(2))
    small = kernels[:, :, ::2, ::2]
    cells = F.unfold(padded, 5).view(2, 3, 25, 5, 6)
    torch.testing.assert_close(blended(x, small, outside), (cells * small[:, None]).sum(2))


def test_offsets_are_across_then_down_in_coarse_cells() -> None:
    block = FreqFusion(8, 8, hidden=8, groups=2, gain=None).eval()
    still, x = (
        FreqFusion(8, 8, hidden=8, groups=0, gain=None).eval(),
        [torch.randn(1, 8, 5, 6), torch.randn(1, 8, 10, 12)],
    )
    still.load_state_dict(block.state_dict(), strict=False)
    with torch.no_grad():
        block.offsets.fine.weight.zero_()
        block.offsets.coarse.weight.zero_()
        torch.testing.assert_close(block(x), still(x))  # where the points start
        block.offsets.fine.bias.copy_(torch.tensor([0.0, 2.0, 1.0, 0.0]))  # halved by the gate: group 0 down by half a
        y, z = block(x)[:, :8], still(x)[:, :8]  # coarse cell, group 1 across by one
    torch.testing.assert_close(y[:, :4, :-1], z[:, :4, 1:])
    torch.testing.assert_close(y[:, 4:, :, :-2], z[:, 4:, :, 2:])
    torch.testing.assert_close(y[:, 4:, :, -1], z[:, 4:, :, -1])  # the border is repeated


def test_sizes_must_fit() -> None:
    with pytest.raises(BlockArgumentError, match="coarse 4x4, fine 7x9"):
        FreqFusion(8, 8)([torch.zeros(1, 8, 4, 4), torch.zeros(1, 8, 7, 9)])
