# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""DySample: the contract in both styles, and where it looks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.contract import BlockContract
from yolo_fine.blocks import DySample


class TestDySample(BlockContract):
    block = DySample
    channels = (32,)
    arguments = {"gain": 0.0}
    factor = 2
    published = {"gain": None}
    golden = "dysample"
    parameters = [((128,), {}, 4128), ((128,), {"dyscope": True}, 8224), ((128,), {"gain": 0.0}, 4128 + 128)]
    wrong = [
        ((32,), {"groups": 5}, "groups"),
        ((32,), {"scale": 1}, "scale"),
        ((30,), {"style": "pl"}, "style"),
        ((32,), {"style": "pi"}, "style"),
        ((32,), {"gain": "high"}, "gain"),
    ]

    def untouched(self, x):
        return F.interpolate(x[0], scale_factor=2, mode="nearest")


class TestDySampleWithLearntScope(TestDySample):
    arguments = {"gain": 0.0, "dyscope": True}


class TestDySampleShuffledFirst(TestDySample):
    arguments = {"gain": 0.0, "style": "pl"}


def test_without_offsets_it_is_bilinear() -> None:
    block, x = DySample(8).eval(), torch.randn(2, 8, 5, 7)
    torch.nn.init.zeros_(block.offset.weight)
    torch.testing.assert_close(block(x), F.interpolate(x, scale_factor=2, mode="bilinear"), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("style", ["lp", "pl"])
def test_a_shift_moves_the_picture(style: str) -> None:
    block, x = DySample(8, style=style).eval(), torch.randn(1, 8, 6, 6)
    torch.nn.init.zeros_(block.offset.weight)
    with torch.no_grad():
        block.offset.bias.view(2, -1)[0] = 4.0  # one cell to the right, after the factor 0.25
    shifted = F.interpolate(torch.cat([x[..., 1:], x[..., -1:]], 3), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(block(x)[..., 1:-2], shifted[..., 1:-2], rtol=1e-4, atol=1e-5)


def test_points_are_exact_in_half_precision_on_a_large_map() -> None:
    # In bfloat16 a row of 640 cells has places 4 cells apart; the points must not be rounded to them.
    block = DySample(4).eval()
    torch.nn.init.zeros_(block.offset.weight)
    x = torch.arange(640.0).remainder(2).expand(1, 4, 2, 640)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(block.bfloat16()(x.bfloat16()).float(), expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize(("channels", "groups"), [(32, 4), (6, 3), (7, 1), (10, 2)])
def test_default_groups_divide_the_channels(channels: int, groups: int) -> None:
    assert DySample(channels).groups == groups
