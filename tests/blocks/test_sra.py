# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""SRA: the contract with and without reduction, and what attends to what."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import SRA
from yolo_fine.catalog import get_block


class TestSRA(BlockContract):
    block = SRA
    channels = (32,)
    published = {"gain": None}
    parameters = [((128,), {"gain": None}, 132_224), ((128,), {}, 132_224 + 128), ((128,), {"sr": 1}, 66_432)]
    wrong = [
        ((32,), {"heads": 5}, "heads"),
        ((32,), {"sr": 0}, "sr"),
        ((32,), {"sr": 2.0}, "sr"),
        ((32,), {"gain": "a"}, "gain"),
    ]


class TestSRAWithoutReduction(TestSRA):
    arguments = {"sr": 1, "heads": 4}


class TestSRAOfTheFinestMap(TestSRA):
    arguments = {"sr": 8}


@pytest.mark.parametrize("sr", [1, 2, 4])
def test_every_pixel_reaches_every_other(sr: int) -> None:
    x = torch.randn(1, 16, 5, 7, requires_grad=True)
    SRA(16, sr=sr, gain=None)(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize(("depth", "sr"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 8)])
def test_keys_are_about_the_cells_of_the_coarsest_map(depth: int, sr: int) -> None:
    arguments_at = get_block("SRA").arguments_at
    assert arguments_at is not None
    assert SRA(32, *arguments_at(depth)).sr == sr


def test_attention_is_the_written_formula() -> None:
    block, x = SRA(16, sr=2, heads=2, gain=None), torch.randn(2, 16, 4, 6)
    z = torch.layer_norm(x.permute(0, 2, 3, 1), (16,)).permute(0, 3, 1, 2)
    coarse = block.reduce(z).flatten(2).transpose(1, 2)
    k, v = block.attention.kv_proj(torch.layer_norm(coarse, (16,))).chunk(2, dim=-1)
    q = block.attention.q_proj(z.flatten(2).transpose(1, 2))
    parts = [
        (q[..., i : i + 8] @ k[..., i : i + 8].transpose(1, 2) / 8**0.5).softmax(-1) @ v[..., i : i + 8] for i in (0, 8)
    ]
    y = block.attention.out_proj(torch.cat(parts, dim=-1)).transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(block(x), x + y, rtol=1e-4, atol=1e-5)
