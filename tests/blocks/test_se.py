# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SE: the contract, and its gate."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import SE


class TestSE(BlockContract):
    block = SE
    channels = (32,)
    arguments = {"reduction": 4}  # of two hidden values, both may start dead
    published = {"gain": None}
    golden = "se"
    parameters = [((128,), {"gain": None}, 2048), ((128,), {}, 2048 + 128), ((8,), {"gain": None}, 16)]
    wrong = [
        ((32,), {"reduction": 0}, "reduction"),
        ((32,), {"gain": "a"}, "gain"),
        ((32,), {"gain": "a"}, "gain"),
    ]


def test_one_factor_for_each_channel() -> None:
    x = torch.rand(2, 32, 5, 7) + 0.5
    factor = SE(32, gain=None)(x) / x
    torch.testing.assert_close(factor, factor[:, :, :1, :1].expand_as(factor))
    assert (factor > 0).all()
    assert (factor < 1).all()


def test_gain_of_one_is_the_published_form() -> None:
    published, blended = SE(32, gain=None), SE(32, gain=1.0)
    blended.load_state_dict(published.state_dict(), strict=False)
    x = torch.randn(2, 32, 9, 7)
    torch.testing.assert_close(blended(x), published(x))
