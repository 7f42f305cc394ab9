# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""FCViTContext: the contract, and what is added where."""

from __future__ import annotations

import torch

from tests.contract import BlockContract
from yolo_fine.blocks import FCViTContext


class TestFCViTContext(BlockContract):
    block = FCViTContext
    channels = (32,)
    published = {"gain": None}
    golden = "fcvit_global_context"
    parameters = [((128,), {"gain": None}, 4256), ((128,), {}, 4256 + 128)]
    wrong = [
        ((32,), {"heads": 5}, "heads"),
        ((32,), {"heads": 1}, "heads"),
        ((32,), {"reduction": 3}, "reduction"),
        ((32,), {"gain": "a"}, "gain"),
    ]


def test_a_flat_map_stays_finite_with_its_gradients() -> None:
    x = torch.zeros(2, 32, 4, 4, requires_grad=True)
    y = FCViTContext(32, gain=None)(x)
    y.square().sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_what_is_added_is_one_vector_a_image_times_one_weight_a_head() -> None:
    block, x = FCViTContext(32, heads=4, gain=None), torch.randn(2, 32, 5, 6)
    added = (block(x) - x).reshape(2, 4, 8, 30)
    assert (torch.linalg.matrix_rank(added, rtol=1e-3) == 1).all()


def test_weights_of_a_image_have_mean_0_and_deviation_1_at_first() -> None:
    s = FCViTContext(32).rescale(torch.randn(3, 8, 1, 50) * 7 + 2)
    torch.testing.assert_close(s.mean((1, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(s.std((1, 2, 3)), torch.ones(3), rtol=1e-4, atol=0)
