# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""FocalModulation: the contract, and its context."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import FocalModulation


class TestFocalModulation(BlockContract):
    block = FocalModulation
    channels = (32,)
    published = {"gain": None}
    golden = "focal_modulation"
    parameters = [((128,), {"gain": None}, 70_787), ((128,), {}, 70_787 + 3 * 128)]
    wrong = [
        ((32,), {"levels": 0}, "levels"),
        ((32,), {"window": 4}, "window"),
        ((32,), {"gain": "a"}, "gain"),
    ]


class TestFocalModulationOfThreeLevels(TestFocalModulation):
    arguments = {"levels": 3, "window": 5}


def test_every_pixel_reaches_every_other() -> None:
    x = torch.randn(1, 16, 20, 20, requires_grad=True)
    FocalModulation(16, gain=None)(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()


def test_gain_of_one_is_the_residual_around_norm_and_published_form() -> None:
    blended, published = FocalModulation(16, gain=1.0), FocalModulation(16, gain=None)
    published.load_state_dict(
        {k: v for k, v in blended.state_dict().items() if not k.startswith(("norm", "gain"))},
    )
    x = torch.randn(2, 16, 5, 6)
    normed = torch.layer_norm(x.permute(0, 2, 3, 1), (16,)).permute(0, 3, 1, 2)
    torch.testing.assert_close(blended(x), x + published(normed), rtol=1e-4, atol=1e-5)
