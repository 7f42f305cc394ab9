# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

from itertools import pairwise

import pytest

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.sizes import Bin, parse_sizes


def test_coco():
    assert parse_sizes("coco") == [Bin("small", 0, 32), Bin("medium", 32, 96), Bin("large", 96, None)]


def test_aitod():
    bins = parse_sizes(" AITOD ")
    assert [one.name for one in bins] == ["very_tiny", "tiny", "small", "medium"]
    assert [one.max_side for one in bins] == [8, 16, 32, None]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("8,16,32,96", ["0-8", "8-16", "16-32", "32-96", "96+"]),
        ("32", ["0-32", "32+"]),
        (" 7.5 , 20 ", ["0-7.5", "7.5-20", "20+"]),
    ],
)
def test_limits(text, names):
    bins = parse_sizes(text)
    assert [one.name for one in bins] == names
    assert bins[0].min_side == 0
    assert bins[-1].max_side is None
    assert all(one.max_side == after.min_side for one, after in pairwise(bins))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cocoo", "sizes=cocoo: unknown size bins; did you mean coco?"),
        ("", "unknown size bins"),
        ("8,16,16", "16 follows 16"),
        ("32,16", "16 follows 32"),
        ("8,x", "'x' is not a number"),
        ("8,,16", "'' is not a number"),
        ("8,nan", "'nan' is not a number"),
        ("8,1_0", "'1_0' is not a number"),
        ("8,-16", "'-16' is not a number"),
        ("0,8", "0 is not between"),
        ("8,100000", "100000 is not between"),
    ],
)
def test_wrong_text_is_named_with_an_example(text, message):
    with pytest.raises(ArgumentError) as error:
        parse_sizes(text)
    assert message in str(error.value)
    assert "sizes=8,16,32,96" in str(error.value)
