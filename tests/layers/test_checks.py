# SPDX-License-Identifier: AGPL-3.0-or-later
"""The checks that blocks share: divisors of the channels, widths, and sizes of maps beside each other."""

from __future__ import annotations

import math

import pytest
import torch

from yolo_fine.blocks import FADE, FINE, SAPA, DilatedFusion, LCCMBottomUp
from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers.checks import divisor


def test_divisors():
    module = torch.nn.Identity()
    assert divisor(module, "heads", 4, 12) == 4
    assert [divisor(module, "heads", None, 12, limit) for limit in (0, 5, 6, 100)] == [1, 4, 6, 12]
    with pytest.raises(
        BlockArgumentError, match="Identity argument 'heads' must be a divisor of the 12 channels, got 5"
    ):
        divisor(module, "heads", 5, 12)


@pytest.mark.parametrize("ratio", ["wide", 0, math.nan, True])
def test_fine_refuses_a_width_that_is_none(ratio):
    with pytest.raises(BlockArgumentError, match="mlp_ratio"):
        FINE(32, 16, mlp_ratio=ratio)


@pytest.mark.parametrize(
    ("block", "sizes", "named"),
    [
        (DilatedFusion(8, 8, 8), [(4, 4), (8, 8), (18, 16)], "'shallow' must have twice"),
        (DilatedFusion(8, 8, 8), [(8, 8), (8, 8), (16, 16)], "'deep' must have half"),
        (LCCMBottomUp(8, 8), [(4, 4), (9, 8)], "'low' must have twice"),
        (FADE(8, 8), [(4, 4), (10, 8)], "'deep' must have half"),
        (SAPA(8, 8), [(8, 8), (8, 8)], "'deep' must have half"),
    ],
)
def test_maps_of_other_sizes_are_refused_before_any_work(block, sizes, named, monkeypatch):
    def no_work(*_):
        raise AssertionError("a layer was called first")

    for layer in block.children():
        monkeypatch.setattr(layer, "forward", no_work)
    with pytest.raises(BlockArgumentError, match=rf"{named}.*, got \w+ \d+x\d+, \w+ \d+x\d+"):
        block([torch.rand(1, 8, *size) for size in sizes])
