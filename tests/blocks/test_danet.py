# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""PAM and CAM: the contract, and what attends to what."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import CAM, PAM


class TestPAM(BlockContract):
    block = PAM
    channels = (32,)
    published = {"gain": 1.0}
    golden = "danet_pam"
    parameters = [((128,), {}, 20_641), ((4,), {}, 2 * 5 + 20 + 1)]
    wrong = [((32,), {"reduction": 0}, "reduction"), ((32,), {"gain": None}, "gain")]


class TestCAM(BlockContract):
    block = CAM
    channels = (32,)
    published = {"gain": 1.0}
    golden = "danet_cam"
    parameters = [((128,), {}, 1)]
    wrong = [((32,), {"gain": None}, "gain")]


def test_every_position_reaches_every_other() -> None:
    x = torch.randn(1, 16, 5, 7, requires_grad=True)
    (PAM(16, gain=1.0)(x) - x)[0, :, 2, 3].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()


def test_equal_positions_attend_to_the_mean() -> None:
    block = PAM(16, gain=1.0)
    torch.nn.init.zeros_(block.qkv.weight[:4].detach())
    torch.nn.init.zeros_(block.qkv.bias[:4].detach())
    x = torch.randn(2, 16, 5, 7)
    mean = block.qkv(x)[:, 4:].mean((2, 3), keepdim=True)
    torch.testing.assert_close(block(x), x + mean)


def test_the_least_similar_channel_weighs_most() -> None:
    x = torch.zeros(1, 3, 1, 4)
    x[0, 0], x[0, 1], x[0, 2] = 3.0, 3.1, -3.0
    torch.testing.assert_close(CAM(3, gain=1.0)(x)[0, 0], torch.zeros(1, 4))  # reads the third channel only


def test_energies_beyond_half_precision_stay_finite() -> None:
    x = torch.randn(1, 8, 40, 40, generator=torch.Generator().manual_seed(0)) * 30
    y = CAM(8, gain=1.0).half()(x.half())
    assert y.isfinite().all()
    assert (y.float() - CAM(8, gain=1.0)(x)).abs().max() < 0.01 * x.abs().max()


def test_cam_has_a_shape_without_values() -> None:
    assert CAM(8).to("meta")(torch.zeros(1, 8, 4, 4, device="meta")).shape == (1, 8, 4, 4)
