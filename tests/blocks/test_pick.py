# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pick: the map at an index, untouched. Rows that use it: tests/integration/parsing/test_several_maps.py."""

from __future__ import annotations

import pytest
import torch

from yolo_fine import get_block
from yolo_fine.blocks import Pick
from yolo_fine.errors import BlockArgumentError


def test_the_map_at_the_index_is_handed_on() -> None:
    maps = [torch.randn(1, c, 4, 4) for c in (4, 8)]
    assert Pick([4, 8], 1)(maps) is maps[1]


def test_an_index_that_is_none_is_named() -> None:
    with pytest.raises(BlockArgumentError, match="Pick argument 'index' must be a whole number from 0, got -1"):
        Pick([4, 8], -1)


def test_its_channels_are_those_of_the_map() -> None:
    spec = get_block("Pick")
    assert spec.output_channels([4, 8], kwargs={"index": 1}) == 8
    assert spec.output_channels([4, 8]) == 4
    with pytest.raises(BlockArgumentError, match="'index' must be 0 to 1: the layer puts out 2 maps, got 2"):
        spec.output_channels([4, 8], kwargs={"index": 2})
