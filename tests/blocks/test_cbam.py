# SPDX-License-Identifier: AGPL-3.0-or-later
# ruff: noqa: RUF012
"""CBAM: the contract, and its name."""

from __future__ import annotations

import torch
from ultralytics.nn import tasks

from tests.contract import BlockContract
from yolo_fine.blocks import CBAM
from yolo_fine.integration.parsing.parser import is_stock_name


class TestCBAM(BlockContract):
    block = CBAM
    channels = (32,)
    published = {"gain": None}
    golden = "cbam"
    parameters = [((128,), {"gain": None}, 2284), ((128,), {}, 2284 + 128)]
    wrong = [
        ((32,), {"reduction": 0}, "reduction"),
        ((32,), {"gain": "a"}, "gain"),
        ((32,), {"gain": "a"}, "gain"),
    ]


def test_damps_a_map_without_signal_less_than_one_with_it() -> None:
    block = CBAM(32, gain=None).eval()
    assert block(torch.zeros(1, 32, 6, 6)).abs().max() == 0
    assert block(torch.randn(1, 32, 6, 6)).abs().max() < 10


def test_the_name_means_ours_in_a_model_yaml() -> None:
    assert not is_stock_name("CBAM", tasks)
    model = tasks.yaml_model_load("yolo11n.yaml")
    model["backbone"].append([-1, 1, "CBAM", []])
    model["head"] = [[[-1], 1, "Detect", ["nc"]]]
    built = tasks.DetectionModel(model, nc=2, verbose=False)
    assert type(built.model[-2]) is CBAM
