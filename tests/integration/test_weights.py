# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pretrained tensors follow their layers, and the new model starts with the outputs of the old one."""

from __future__ import annotations

import copy
import logging

import pytest
import torch

from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.versions import installed_version

tasks = pytest.importorskip("ultralytics.nn.tasks")
VARIANTS = [
    name
    for name in packaged_files("models")
    if not name.endswith("-small.yaml") and (installed_version() >= (8, 4) or "26" not in name)
]


def pretrained(family):
    """A stock model whose tensors, running statistics included, are all unlike a fresh model's."""
    torch.manual_seed(1)
    model = tasks.DetectionModel(f"{family}n.yaml", verbose=False)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.1 * torch.rand_like(tensor))
    return model.eval()


def outputs(model, picture):
    with torch.no_grad():
        return model(picture)[0]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_tensor_arrives_and_the_first_output_is_the_old_one(name):
    family, variant = name.split("-", 1)
    source = pretrained(family)
    model = tasks.DetectionModel(f"{family}n-{variant}", verbose=False).eval()
    before = {key: value.clone() for key, value in source.state_dict().items()}
    picture = torch.rand(1, 3, 96, 64)
    model.load(source, verbose=False)
    assert torch.equal(outputs(model, picture), outputs(source, picture))
    assert all(torch.equal(value, before[key]) for key, value in source.state_dict().items())


def test_a_checkpoint_dictionary_and_another_number_of_classes(caplog):
    source = pretrained("yolo11")
    model = tasks.DetectionModel("yolo11n-fine.yaml", nc=3, verbose=False).eval()
    logger = logging.getLogger("ultralytics")
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO, logger="ultralytics"):
            model.load({"model": copy.deepcopy(source), "ema": None})
    finally:
        logger.removeHandler(caplog.handler)
    said = [record.getMessage() for record in caplog.records]
    assert any("pretrained tensors in their places; new: FINE at 11, FINE at 15" in line for line in said)
    assert torch.equal(model.model[18].cv1.conv.weight, source.model[16].cv1.conv.weight)  # behind both FINE rows


def test_a_p2_head_takes_what_fits():
    source = pretrained("yolo11")
    model = tasks.DetectionModel("yolo11n-small.yaml", verbose=False)
    model.load(source, verbose=False)
    assert torch.equal(model.model[10].cv1.conv.weight, source.model[10].cv1.conv.weight)
    assert torch.equal(model.model[14].cv1.conv.weight, source.model[13].cv1.conv.weight)
    assert torch.equal(model.model[18].cv1.conv.weight, source.model[16].cv1.conv.weight)


def test_stock_to_stock_is_left_to_stock(monkeypatch):
    def refuse(*args):
        raise AssertionError("stock models must not be aligned")

    monkeypatch.setattr("yolo_fine.integration.weights.align", refuse)
    source = pretrained("yolo11")
    model = tasks.DetectionModel("yolo11n.yaml", verbose=False).eval()
    model.load(source, verbose=False)
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(outputs(model, picture), outputs(source, picture))
    twin = tasks.DetectionModel("yolo11n-ema.yaml", verbose=False)
    twin.load(copy.deepcopy(twin), verbose=False)  # the same layers on both sides: nothing to align
