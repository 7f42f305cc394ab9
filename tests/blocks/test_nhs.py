# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""NHS: the contract, the order of its blocks, and what repeats repeat."""

from __future__ import annotations

import pytest
from torch import nn
from ultralytics.nn.modules import Conv
from ultralytics.nn.tasks import DetectionModel

from tests.blocks.test_nextvit import NextViTContract
from tests.composed import write_model
from yolo_fine.blocks import NCB, NHS
from yolo_fine.blocks.nextvit import HybridTransformer
from yolo_fine.blocks.nhs import HybridStack
from yolo_fine.integration.yaml_text import read_model


class TestNHS(NextViTContract):
    block = NHS
    channels = (64,)
    arguments = {"n": 1}
    published = {"gain": None}
    golden = "nhs"
    parameters = [
        ((128,), {"gain": None}, 434_880),
        ((128,), {"n": 1, "gain": None}, 282_304),
        ((128,), {"n": 4}, 740_032 + 128),
        ((128,), {"n": 1, "repeats": 2, "gain": None}, 2 * 282_304),
    ]
    wrong = [((64,), {"n": 0}, "n"), ((64,), {"sr": 0}, "sr"), ((64,), {"head_dim": 48}, "head_dim")]


@pytest.mark.parametrize(("c2", "kinds"), [(32, [NCB, NCB, HybridTransformer] * 2), (64, None)])
def test_the_transformer_comes_last_in_each_group(c2: int, kinds: list[type[nn.Module]] | None) -> None:
    stack = HybridStack(32, c2, n=2, repeats=2, sr=1, mix=0.75, head_dim=None)
    group = [NCB, NCB, HybridTransformer]
    assert [type(layer) for layer in stack] == (kinds or [*group, Conv, *group])


def test_a_rows_repeats_repeat_the_group_under_one_gain(tmp_path) -> None:
    neck = """
  - [10, 4, NHS, [1, {n: 1}]] # 11
  - [[4, 6, 11], 1, Detect, [nc]]
"""
    _, model = read_model(str(write_model(neck, tmp_path)))
    block = DetectionModel(model, verbose=False).model[11]
    assert isinstance(block, NHS)
    assert [type(layer) for layer in block.stack] == [NCB, HybridTransformer] * 2  # yolo11n has half the depth
    assert sum(name.endswith("gain.weight") for name, _ in block.named_parameters()) == 1
