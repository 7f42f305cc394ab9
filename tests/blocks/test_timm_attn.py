# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""TimmAttn: the contract with one layer of timm, and the others by name."""

from __future__ import annotations

import pytest
import torch

from tests.contract import BlockContract
from yolo_fine.blocks import TimmAttn
from yolo_fine.errors import BlockArgumentError

pytest.importorskip("timm")


class TestTimmAttn(BlockContract):
    block = TimmAttn
    channels = (32,)
    published = {"gain": None}
    parameters = [((128,), {}, 5 + 128), ((128,), {"gain": None}, 5)]
    wrong = [((32,), {"name": "ecaa"}, "timm"), ((32,), {"name": 5}, "name"), ((32,), {"gain": "x"}, "gain")]


LAYERS = ["se", "ese", "eca", "ceca", "gc", "cbam", "GlobalContext", "SqueezeExcite", "EffectiveSqueezeExcite"]


@pytest.mark.parametrize("name", LAYERS)
def test_layers_by_name(name):
    block, x = TimmAttn(32, name).eval(), torch.randn(2, 32, 9, 7)
    assert torch.equal(block(x), x)
    assert not torch.equal(TimmAttn(32, name, gain=None).eval()(x), x)


def test_a_layer_that_changes_the_shape_is_refused():
    with pytest.raises(BlockArgumentError, match="'BlurPool2d' changes the shape of its map"):
        TimmAttn(8, "BlurPool2d")(torch.randn(1, 8, 6, 6))


def test_without_timm_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BlockArgumentError, match="pip install timm"):
        TimmAttn(8)
