# SPDX-License-Identifier: AGPL-3.0-or-later
"""Training follows the key ``assign:`` of its YAML, also when it is resumed, and is stock without it."""

from __future__ import annotations

import json

import pytest
import torch
import yaml
from ultralytics import YOLO
from ultralytics.utils.tal import TaskAlignedAssigner

from yolo_fine import compose
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.assigner import FineAssigner

TINY = {"imgsz": 64, "batch": 4, "workers": 0, "plots": False, "amp": False, "device": "cpu", "epochs": 1}


@pytest.fixture
def model_yaml(tmp_path):
    def write(base="yolov10n", **keys):
        file = tmp_path / f"{base}-mine.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(compose(base, fuse="FINE@p4").text), **keys}))
        return file

    return write


@pytest.fixture
def seen(monkeypatch):
    """Class and floor of every assigner that is called, with whether gradients are on."""
    calls = set()
    stock = TaskAlignedAssigner.forward

    def forward(self, *args, **kwargs):
        settings = getattr(self, "settings", None)
        calls.add((type(self), torch.is_grad_enabled(), id(self), settings and settings.floor))
        return stock(self, *args, **kwargs)

    monkeypatch.setattr(TaskAlignedAssigner, "forward", forward)
    return calls


def test_both_branches_follow_in_training_and_in_validation(model_yaml, tiny_data, tmp_path, seen):
    model = YOLO(model_yaml(assign={"floor": 8, "nwd": 0.5}))
    model.train(data=tiny_data, project=tmp_path, name="run", **TINY)
    assert {(cls, floor) for cls, _, _, floor in seen} == {(FineAssigner, 8.0)}
    assert len({one for _, _, one, _ in seen}) >= 4  # of the model and of its EMA, one-to-many and one-to-one each
    record = json.loads((tmp_path / "run" / "assign.json").read_text())
    assert (record["floor"], record["nwd"], record["strides"]) == (8, 0.5, [8, 16, 32])
    best = YOLO(tmp_path / "run/weights/best.pt").model
    assert best.yaml["assign"] == {"floor": 8, "nwd": 0.5}
    assert b"assigner" not in (tmp_path / "run/weights/best.pt").read_bytes()


def test_without_the_key_the_assigner_is_stock(model_yaml, tiny_data, tmp_path, seen):
    YOLO(model_yaml()).train(data=tiny_data, project=tmp_path, name="run", **TINY)
    assert {cls for cls, *_ in seen} == {TaskAlignedAssigner}
    assert not (tmp_path / "run" / "assign.json").exists()


def test_a_resumed_training_follows_too(model_yaml, tiny_data, tmp_path, seen):
    class Cut(Exception):
        pass

    def cut(trainer):
        if trainer.epoch == 1:
            raise Cut

    model = YOLO(model_yaml("yolo11n", assign={"floor": 8}))
    model.add_callback("on_train_epoch_start", cut)
    with pytest.raises(Cut):
        model.train(data=tiny_data, project=tmp_path, name="run", **{**TINY, "epochs": 2})
    seen.clear()
    YOLO(tmp_path / "run/weights/last.pt").train(resume=True)
    assert {(cls, floor) for cls, _, _, floor in seen} == {(FineAssigner, 8.0)}


def test_wrong_settings_end_before_anything_is_made(model_yaml, tiny_data, tmp_path):
    with pytest.raises(ModelYamlError, match=r"mine\.yaml: assign has no key 'flor'; did you mean floor\?"):
        YOLO(model_yaml(assign={"flor": 8})).train(data=tiny_data, project=tmp_path, name="run", **TINY)
    assert not (tmp_path / "run").exists()
