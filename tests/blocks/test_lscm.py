# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""LSCM: the contract, its pooling, and its folded gate."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.contract import BlockContract
from yolo_fine.blocks import LSCM
from yolo_fine.layers.cell_gates import PositionGate
from yolo_fine.layers.pooling import pool_to_grid


class TestLSCM(BlockContract):
    block = LSCM
    channels = (32,)
    published = {"gain": None}
    golden = "lscm"
    parameters = [((128,), {"gain": None}, 8779), ((128,), {}, 8779 + 128)]
    wrong = [((32,), {"cells": 0}, "cells"), ((32,), {"reduction": 0}, "reduction"), ((32,), {"gain": "a"}, "gain")]


@pytest.mark.parametrize("size", [5, 10, 20, 40, 80])
def test_pooling_is_adaptive_where_the_cells_divide_the_side(size: int) -> None:
    x = torch.randn(2, 3, size, 2 * size)
    torch.testing.assert_close(pool_to_grid(x, 5), F.adaptive_avg_pool2d(x, 5))


@pytest.mark.parametrize("size", [6, 9, 12, 13, 16, 23])
def test_pooling_elsewhere_is_the_authors_window(size: int) -> None:
    x, step = torch.randn(2, 3, size, size), size // 5
    torch.testing.assert_close(pool_to_grid(x, 5), F.avg_pool2d(x, size - 4 * step, step))


def test_on_a_side_that_is_too_short_every_cell_is_the_mean() -> None:
    x = torch.randn(2, 3, 3, 10)
    rows = x.mean(2, keepdim=True).expand(-1, -1, 5, -1)
    torch.testing.assert_close(pool_to_grid(x, 5), F.avg_pool2d(rows, (1, 2)))


def test_the_folded_gate_is_the_sum_over_all_cells() -> None:
    gate, x, key = PositionGate(16, 4, 9), torch.randn(2, 16, 6, 7), torch.randn(2, 4, 9)
    pixels = gate.pixel(x.flatten(2).transpose(1, 2))
    logits = gate.weigh(pixels @ key)
    torch.testing.assert_close(gate(x, key).flatten(2), logits.sigmoid().transpose(1, 2))
