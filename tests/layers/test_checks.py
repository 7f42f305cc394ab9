# SPDX-License-Identifier: AGPL-3.0-or-later
"""The checks that blocks share: what is accepted, what is refused, and messages that name owner, argument and value."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from yolo_fine.blocks import FADE, FINE, SAPA, DilatedFusion, LCCMBottomUp
from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers import checks

CASES = [
    (checks.require_positive, [1, 64], [0, -1, True, 2.0, "2", None]),
    (checks.require_odd, [3, 5], [1, 4, -3, True, 3.0, "3"]),
    (partial(checks.require_odd, least=1), [1, 3], [0, 2, -1, True]),
    (checks.require_positive_number, [1, 0.5], [0, -1.0, True, math.nan, math.inf, "1"]),
]


@pytest.mark.parametrize(("check", "accepted", "refused"), CASES)
def test_values(check, accepted, refused):
    for value in accepted:
        check("Owner", "argument", value)
    for value in refused:
        with pytest.raises(BlockArgumentError, match="Owner argument 'argument' must be") as caught:
            check("Owner", "argument", value)
        assert repr(value) in str(caught.value)


def test_gain_scale_and_rates():
    for gain in (0, 0.5, -1, None):
        checks.require_gain("Owner", gain)
    for gain in (True, "0", math.nan, math.inf):
        with pytest.raises(BlockArgumentError, match="'gain'"):
            checks.require_gain("Owner", gain)
    with pytest.raises(BlockArgumentError, match="a number, got None"):
        checks.require_gain("Owner", None, optional=False)
    checks.require_scale("Owner", 2)
    for scale in (1, 2.0, True):
        with pytest.raises(BlockArgumentError, match="'scale'"):
            checks.require_scale("Owner", scale)
    checks.require_rates("Owner", [1, 2])
    for rates in ([], (0,), 3, "12", [1.0], [True]):
        with pytest.raises(BlockArgumentError, match="'dilations'"):
            checks.require_rates("Owner", rates)


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
