# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""HyperFusion: the contract, cells of one length, and what its transposed convolution starts as."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.contract import BlockContract, Maps
from yolo_fine.blocks import HyperFusion
from yolo_fine.blocks.hyper_fusion import CellNorm, LevelFusion
from yolo_fine.errors import BlockArgumentError


class TestHyperFusion(BlockContract):
    block = HyperFusion
    channels = (48, 32, 16)
    published = {"gain": None}
    golden = "hyperfusion"
    parameters = [
        ((256, 128, 64), {"gain": None}, 58_048),
        ((256, 128, 64), {}, 58_048 + 128),
        ((256, 128, 64), {"up": "deconv", "gain": None}, 62_144),
    ]
    wrong = [((48, 32, 16), {"up": "bilinear"}, "up"), ((48, 32, 16), {"gain": "x"}, "gain")]

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        return [((height + 1) // 2, (width + 1) // 2), (height, width), (2 * height, 2 * width)]

    def untouched(self, x: Maps) -> Tensor:
        return x[1]


class TestHyperFusionDeconv(TestHyperFusion):
    arguments = {"up": "deconv"}


def test_every_cell_gets_one_length() -> None:
    x = torch.randn(2, 16, 5, 7) * torch.rand(2, 1, 5, 7)
    torch.testing.assert_close(CellNorm(16)(x).square().mean(1), torch.ones(2, 5, 7), rtol=1e-3, atol=1e-3)


def test_the_transposed_convolution_starts_as_bilinear() -> None:
    body = LevelFusion([4, 4, 4], 4, target=0, up="deconv")
    x = torch.rand(1, 4, 6, 6)
    for layer, factor in zip(body.enlarge, (2, 4), strict=True):
        inside = slice(factor, -factor)
        expected = F.interpolate(x, scale_factor=float(factor), mode="bilinear")
        torch.testing.assert_close(layer(x)[:, :, inside, inside], expected[:, :, inside, inside])


@pytest.mark.parametrize(("deep", "shallow", "named"), [((4, 4), (8, 8), "'deep'"), ((2, 2), (4, 4), "'shallow'")])
def test_wrong_sizes_are_named(deep: tuple[int, int], shallow: tuple[int, int], named: str) -> None:
    x = [torch.zeros(1, 8, *deep), torch.zeros(1, 8, 4, 4), torch.zeros(1, 8, *shallow)]
    with pytest.raises(BlockArgumentError, match=f"HyperFusion: {named}"):
        HyperFusion(8, 8, 8)(x)
