# SPDX-License-Identifier: AGPL-3.0-or-later
"""A release that adds a keyword to a function that is wrapped: stock YAMLs and ours go on working."""

from __future__ import annotations

import functools
import inspect

import pytest
import torch

from yolo_fine.integration.checkpoints import wrap_torch_safe_load
from yolo_fine.integration.model_files import wrap_check_file, wrap_check_yaml, wrap_yaml_model_load
from yolo_fine.integration.parsing.parser import wrap_parse_model
from yolo_fine.integration.transfer.weights import wrap_load

tasks = pytest.importorskip("ultralytics.nn.tasks")


def of_a_later_release(function, seen):
    """The stock function with one keyword more."""
    stock = inspect.unwrap(function)

    @functools.wraps(stock)
    def later(*args, flags=0, **kwargs):
        seen.append(flags)
        return stock(*args, **kwargs)

    del later.__wrapped__
    return later


@pytest.mark.parametrize("name", ["yolo11n.yaml", "yolo11n-fine.yaml"])
def test_parse_model(name):
    seen = []
    parse_model = wrap_parse_model(of_a_later_release(tasks.parse_model, seen))
    layers, _ = parse_model(tasks.yaml_model_load(name), ch=3, verbose=False, flags=1)
    assert len(layers) == (26 if "fine" in name else 24)
    assert set(seen) == {1}
    assert len(parse_model(tasks.yaml_model_load(name), 3, False)[0]) == len(layers)


@pytest.mark.parametrize("name", ["yolo11n.yaml", "yolo11n-fine.yaml"])
def test_load(name):
    seen = []
    load = wrap_load(of_a_later_release(tasks.BaseModel.load, seen))
    source, target = (tasks.DetectionModel(one, verbose=False) for one in ("yolo11n.yaml", name))
    load(target, source, verbose=False, flags=1)
    assert seen == [1]
    assert torch.equal(target.model[0].conv.weight, source.model[0].conv.weight)


def test_torch_safe_load(tmp_path):
    seen = []
    torch.save({"model": tasks.DetectionModel("yolo11n.yaml", verbose=False)}, tmp_path / "n.pt")
    load = wrap_torch_safe_load(of_a_later_release(tasks.torch_safe_load, seen))
    assert "model" in load(str(tmp_path / "n.pt"), flags=1)[0]
    assert seen == [1]


def test_look_ups(tmp_path):
    from ultralytics.data import utils

    for wrap, function, word in (
        (wrap_yaml_model_load, tasks.yaml_model_load, "yolo11n.yaml"),
        (wrap_check_yaml, tasks.check_yaml, "yolo11.yaml"),
        (wrap_check_file, utils.check_file, "coco8.yaml"),
    ):
        seen = []
        assert wrap(of_a_later_release(function, seen))(word, flags=1)
        assert seen == [1]
