# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every assumption about Ultralytics' internals, each as a check that ``yolo-fine doctor`` and the test suite run."""

from __future__ import annotations

import copy
import inspect
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_fine.integration.dataset_assumptions import DATASET_ASSUMPTIONS
from yolo_fine.integration.multi_label import multi_label_predictor, non_max_suppression
from yolo_fine.integration.parsing.probe import StockParser
from yolo_fine.integration.versions import require


@dataclass(frozen=True)
class Assumption:
    """A statement about Ultralytics, and a function that raises if it does not hold."""

    statement: str
    check: Callable[[], None]


def check_assumptions() -> list[tuple[Assumption, str | None]]:
    """Check every assumption against the installed Ultralytics. The text is the reason of a failure, or None."""
    results: list[tuple[Assumption, str | None]] = []
    for assumption in ASSUMPTIONS:
        try:
            assumption.check()
            results.append((assumption, None))
        except Exception as error:  # any failure at all means that the assumption does not hold
            results.append((assumption, f"{type(error).__name__}: {error}"))
    return results


TINY_MODEL: dict[str, Any] = {
    "nc": 2,
    "scales": {"n": [0.5, 0.25, 1024]},
    "scale": "n",
    "backbone": [[-1, 1, "Conv", [32, 3, 2]], [-1, 1, "Conv", [64, 3, 2]]],
    "head": [[-1, 1, "EMA", []], [[-1, 1], 1, "FINEConcat", [1]], [[2, 3], 1, "Detect", ["nc"]]],
}


def _functions_exist() -> None:
    from ultralytics.data import utils
    from ultralytics.nn import tasks

    for module, names in (
        (tasks, ("parse_model", "yaml_model_load", "check_yaml", "torch_safe_load")),
        (tasks.BaseModel, ("load",)),
        (utils, ("check_file",)),
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


def _probe_rows() -> None:
    from ultralytics.nn import tasks

    stock = StockParser(tasks.parse_model.__wrapped__, TINY_MODEL, image_channels=3)
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
    import torch
    from ultralytics.nn import tasks

    model = tasks.DetectionModel(copy.deepcopy(TINY_MODEL), ch=3, nc=2, verbose=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tiny.pt"
        torch.save({"model": model}, file)
        checkpoint, _ = tasks.torch_safe_load(str(file))
    require(type(checkpoint["model"].model[2]).__name__ == "EMA", "tasks.torch_safe_load returns the pickled model")


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


def _training_reports() -> None:
    from ultralytics.engine.trainer import BaseTrainer
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.utils.callbacks.base import default_callbacks

    for event in ("on_val_start", "on_pretrain_routine_end"):
        require(event in default_callbacks, f"there is a callback {event}")
    for owner, name, given in (
        (DetectionValidator, "update_metrics", ["preds", "batch"]),
        (DetectionValidator, "get_stats", []),
        (BaseTrainer, "save_metrics", ["metrics"]),
    ):
        found = list(inspect.signature(getattr(owner, name)).parameters)[1:]
        require(found == given, f"{owner.__name__}.{name} takes {', '.join(given) or 'nothing'}, not {found}")


def _suppression() -> None:
    suppress, predictor = inspect.unwrap(non_max_suppression()), multi_label_predictor()
    found = list(inspect.signature(suppress).parameters)
    expected = ["prediction", "conf_thres", "iou_thres", "classes", "agnostic", "multi_label"]
    require(
        found[:6] == expected and "max_det" in found, f"non_max_suppression takes {', '.join(expected)} and max_det"
    )
    require(hasattr(predictor, "postprocess"), "a DetectionPredictor has postprocess")


ASSUMPTIONS = (
    Assumption("the six wrapped functions exist", _functions_exist),
    Assumption("models are built through tasks.parse_model", _models_call_parse_model),
    Assumption("probe rows show channels, width and depth", _probe_rows),
    Assumption("packaged YAMLs are found by bare name", _packaged_names),
    Assumption("checkpoints are read by tasks.torch_safe_load", _checkpoints_load),
    Assumption("pretrained tensors are loaded by BaseModel.load", _weights_load),
    Assumption("validators and trainers report through the methods that AP_small listens to", _training_reports),
    Assumption("non-maximum suppression can keep several classes of a box", _suppression),
    *(Assumption(statement, check) for statement, check in DATASET_ASSUMPTIONS),
)
