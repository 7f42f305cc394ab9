# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""WTConv and WTDown: the contract, the transform and its inverse, and what a stride drops."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import WTConv, WTDown
from yolo_fine.layers.haar import from_bands, to_bands
from yolo_fine.layers.wavelet_conv import WaveletConv


class TestWTConv(BlockContract):
    block = WTConv
    channels = (16,)
    published = {"gain": None}
    golden = "wtconv"
    parameters = [
        ((128,), {"gain": None}, 16_768),
        ((128,), {"levels": 3, "gain": None}, 43_392),
        ((128,), {}, 16_768 + 128),
    ]
    wrong = [((16,), {"kernel": 4}, "kernel"), ((16,), {"levels": 0}, "levels"), ((16,), {"gain": "x"}, "gain")]


class TestWTConvOfThreeLevels(TestWTConv):
    arguments = {"kernel": 3, "levels": 3}


class TestWTDown(BlockContract):
    block = WTDown
    channels = (16,)
    arguments = {"c2": 24}
    identity = False
    parameters = [((64, 128), {}, 16_832)]
    wrong = [((16, 24), {"kernel": 1}, "kernel"), ((16, 24), {"levels": True}, "levels")]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [(2 * height - height % 2, 2 * width - width % 2)]


def test_bands_are_mean_and_differences_and_nothing_is_lost() -> None:
    cells = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]])
    assert to_bands(cells, 1).flatten().tolist() == [5.5, -2.5, -1.5, 0.5]
    x = torch.randn(2, 3, 6, 8)
    torch.testing.assert_close(from_bands(to_bands(x, 3), 3), x)
    torch.testing.assert_close(to_bands(x, 3).square().sum(), x.square().sum())


@pytest.mark.parametrize("size", [(12, 16), (13, 10), (5, 7), (1, 1)])
@pytest.mark.parametrize("levels", [1, 3])
def test_a_stride_of_2_drops_every_second_cell(size: tuple[int, int], levels: int) -> None:
    whole, halved = WaveletConv(8, 5, levels), WaveletConv(8, 5, levels, stride=2)
    halved.load_state_dict(whole.state_dict())
    x = torch.randn(2, 8, *size)
    torch.testing.assert_close(halved(x), whole(x)[:, :, ::2, ::2], rtol=1e-4, atol=1e-5)


def test_a_centred_kernel_without_bands_is_the_identity() -> None:
    layer, x = WaveletConv(8, 5, 2, bias=False), torch.randn(1, 8, 9, 10)
    torch.nn.init.dirac_(layer.base.weight, groups=8)
    for scale in layer.band_scales:
        scale.data.zero_()
    torch.testing.assert_close(layer(x), x)


def test_levels_reach_further() -> None:
    reach = []
    for levels in (1, 2):
        x = torch.zeros(1, 1, 64, 64, requires_grad=True)
        layer = WaveletConv(1, 3, levels)
        layer(x)[0, 0, 32, 32].backward()
        rows = x.grad[0, 0].abs().sum(1).nonzero().flatten()
        reach.append(int(rows[-1] - rows[0]) + 1)
    assert reach == [6, 12]
