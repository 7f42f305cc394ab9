# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is assumed of model building: the parser, the look-up of YAMLs, checkpoints and the loading of weights."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

from yolo_fine.integration.checkpoints import checkpoint_of
from yolo_fine.integration.parsing.probe import StockParser
from yolo_fine.integration.versions import Assumption, require

TINY_MODEL: dict[str, Any] = {
    "nc": 2,
    "scales": {"n": [0.5, 0.25, 1024]},
    "scale": "n",
    "backbone": [[-1, 1, "Conv", [32, 3, 2]], [-1, 1, "Conv", [64, 3, 2]]],
    "head": [[-1, 1, "EMA", []], [[-1, 1], 1, "FINEConcat", [1]], [[2, 3], 1, "Detect", ["nc"]]],
}


def _functions_exist() -> None:
    from ultralytics.data import utils
    from ultralytics.engine import model
    from ultralytics.nn import tasks

    for module, names in (
        (tasks, ("parse_model", "yaml_model_load", "check_yaml", "torch_safe_load")),
        (tasks.BaseModel, ("load",)),
        (tasks.DetectionModel, ("__init__",)),
        (utils, ("check_file",)),
        (model.Model, ("train",)),
    ):
        for name in names:
            require(
                getattr(getattr(module, name, None), "yolo_fine", False), f"{module.__name__}.{name} is replaceable"
            )


def _models_call_parse_model() -> None:
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel(copy.deepcopy(TINY_MODEL), ch=3, nc=2, verbose=False)
    kinds = [type(layer).__name__ for layer in model.model]
    require(kinds[2:4] == ["EMA", "FINEConcat"], "models are built through tasks.parse_model")
    require(model.yaml["head"][0][2] == "EMA", "a model keeps the rows of its YAML as written")


def _strides_are_listed() -> None:
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel({**copy.deepcopy(TINY_MODEL), "max_stride": 8}, ch=3, nc=2, verbose=False)
    require(model.stride.tolist() == [4.0, 4.0, 8.0], "a model lists the strides of its head in model.stride")
    require(model.model[-1].stride.tolist() == [4.0, 4.0], "a head keeps strides of its own")


def _probe_rows() -> None:
    from ultralytics.nn import tasks

    stock = StockParser(tasks.parse_model.__wrapped__, TINY_MODEL, image_channels=3, kwargs={"verbose": False})
    found = stock.probe(TINY_MODEL["backbone"], sources=[0, 1], width=64, repeats=4)
    require(found.channels == [8, 16], "an nn.BatchNorm2d row is built with the channels of its source")
    require(found.scaled_width == 16, "a Conv row's first argument is scaled by the model's width")
    require(found.repeats == 2, "a row's repeats are scaled by the model's depth and stacked in an nn.Sequential")


def _packaged_names() -> None:
    from ultralytics.data.utils import check_file
    from ultralytics.nn.tasks import yaml_model_load

    loaded = yaml_model_load("yolo11s-fine.yaml")
    require(loaded["scale"] == "s" and "backbone" in loaded, "tasks.yaml_model_load finds its file by tasks.check_yaml")
    found = check_file("smallobjects.yaml")
    require(Path(found).is_file(), "data.utils looks datasets up by data.utils.check_file")


def _checkpoints_load() -> None:
    from ultralytics.nn import tasks

    with tempfile.TemporaryDirectory() as folder:
        checkpoint, _ = tasks.torch_safe_load(str(write_tiny_checkpoint(folder)))
    require(type(checkpoint["model"].model[2]).__name__ == "EMA", "tasks.torch_safe_load returns the pickled model")


def write_tiny_checkpoint(folder: str) -> Path:
    """A checkpoint of :data:`TINY_MODEL`."""
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel(copy.deepcopy(TINY_MODEL), ch=3, nc=2, verbose=False)
    model.task = "detect"
    file = Path(folder) / "tiny.pt"
    file.write_bytes(checkpoint_of(model))
    return file


def _weights_load() -> None:
    import torch
    from ultralytics.nn.tasks import DetectionModel

    conv, detect = [-1, 1, "Conv", [64, 3, 1]], [-1, 1, "Detect", ["nc"]]
    heads = [conv, [[1, 2], *detect[1:]]], [[1, 1, "EMA", []], conv, [[1, 3], *detect[1:]]]
    rows = [copy.deepcopy({**TINY_MODEL, "head": head}) for head in heads]
    stock, ours = (DetectionModel(model, ch=3, nc=2, verbose=False).eval() for model in rows)
    ours.load(stock, verbose=False)
    image = torch.rand(1, 3, 64, 64)
    require(torch.equal(stock(image)[0], ours(image)[0]), "BaseModel.load takes a model and matches tensors by name")


BUILDING = (
    Assumption("the wrapped functions exist", _functions_exist),
    Assumption("models are built through tasks.parse_model", _models_call_parse_model),
    Assumption("the coarsest stride of a model can be named", _strides_are_listed),
    Assumption("probe rows show channels, width and depth", _probe_rows),
    Assumption("packaged YAMLs are found by bare name", _packaged_names),
    Assumption("checkpoints are read by tasks.torch_safe_load", _checkpoints_load),
    Assumption("pretrained tensors are loaded by BaseModel.load", _weights_load),
)
