# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""EMA: the contract, and its groups."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import EMA


class TestEMA(BlockContract):
    block = EMA
    channels = (32,)
    published = {"gain": None}
    golden = "ema"
    parameters = [((128,), {}, 2624 + 128), ((128,), {"gain": None}, 2624), ((128,), {"factor": 32, "gain": None}, 176)]
    wrong = [((32,), {"factor": 5}, "factor"), ((32,), {"factor": 0}, "factor"), ((48,), {"factor": 32}, "48 channels")]


@pytest.mark.parametrize(("channels", "groups"), [(16, 1), (32, 2), (48, 3), (56, 2), (128, 8), (8, 1)])
def test_default_groups_hold_16_channels_or_a_little_more(channels: int, groups: int) -> None:
    assert channels // EMA(channels).width == groups


def test_one_group_of_one_cell() -> None:
    # nn.GroupNorm refuses single values; the norm of one is its bias.
    assert EMA(8, gain=None)(torch.randn(1, 8, 1, 1)).isfinite().all()


def test_groups_do_not_see_each_other() -> None:
    block, x = EMA(32, factor=2, gain=None).eval(), torch.randn(1, 32, 8, 8)
    other = x.clone()
    other[:, 16:] = 0
    assert torch.allclose(block(x)[:, :16], block(other)[:, :16], atol=1e-6)


def test_gain_of_one_is_the_published_form() -> None:
    published, blended = EMA(32, gain=None), EMA(32, gain=1.0)
    blended.load_state_dict(published.state_dict(), strict=False)
    x = torch.randn(2, 32, 9, 7)
    torch.testing.assert_close(blended(x), published(x))
