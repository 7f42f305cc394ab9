# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is assumed of running models: commands, predictions, validation and training, export."""

from __future__ import annotations

import inspect
import io
import logging
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from yolo_fine.integration import exporter, models, prediction
from yolo_fine.integration.building_assumptions import write_tiny_checkpoint
from yolo_fine.integration.commands import known_verbs, run_command
from yolo_fine.integration.devices import is_device_here
from yolo_fine.integration.export_reference import prepare_reference
from yolo_fine.integration.log import log_filter, silent_thread
from yolo_fine.integration.matmul_dfl import use_matmul_dfl
from yolo_fine.integration.sliced_predictor import predict_source
from yolo_fine.integration.stock_assigner import stock_rule
from yolo_fine.integration.training_hooks import as_rows, in_pixels
from yolo_fine.integration.versions import Assumption, require
from yolo_fine.utils.arrays import Array


def _commands() -> None:
    from ultralytics import __version__
    from ultralytics.cfg import MODES, TASKS

    told: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        told.append(record.getMessage())
        return False

    with log_filter(keep):
        run_command(["version"])
    require(told == [__version__], "cfg.entrypoint runs the words of cfg.ARGV and logs through utils.LOGGER")
    require({*MODES, *TASKS} <= known_verbs(), "cfg.MODES and cfg.TASKS are written as lists of words")


def _devices() -> None:
    require(is_device_here("cpu"), "select_device takes 'cpu'")
    require(not is_device_here("cuda:99"), "select_device raises a ValueError for a GPU that is not there")


def _open_models() -> None:
    from ultralytics.utils import SETTINGS
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    require("yolo11n.pt" in GITHUB_ASSETS_NAMES and "weights_dir" in SETTINGS, "official weights are known by name")
    with tempfile.TemporaryDirectory() as folder:
        file = write_tiny_checkpoint(folder)
        detector = models.open_model(file)
    require(models.file_of(detector) == file, "a model's ckpt_path is the checkpoint that it was read from")
    require(models.is_loaded(detector) and "backbone" in models.yaml_of(detector), "a network keeps its YAML")
    require(prediction.trained_size(detector) == 640, "a model's overrides hold the size it was trained at")
    prediction.forget_predictor(detector)


def _suppression() -> None:
    suppress, predictor = inspect.unwrap(prediction.non_max_suppression()), prediction.multi_label_predictor()
    expected = ["prediction", "conf_thres", "iou_thres", "classes", "agnostic", "multi_label"]
    found = _parameters(suppress)
    require(
        found[:6] == expected and "max_det" in found, f"non_max_suppression takes {', '.join(expected)} and max_det"
    )
    require(hasattr(predictor, "postprocess"), "a DetectionPredictor has postprocess")


def _results() -> None:
    import numpy as np
    import torch
    from ultralytics.engine.results import Results

    box = torch.tensor([[1.0, 2.0, 3.0, 4.0, 0.5, 1.0]])
    result = Results(np.zeros((8, 8, 3), np.uint8), path="x.jpg", names={0: "a", 1: "b"}, boxes=box)
    require(prediction.rows_of(result).tolist() == box.tolist(), "Results.boxes.data are corners, score and class")


def _prediction_of_files() -> None:
    import cv2
    import numpy as np

    def everywhere(pixels: Array, detect: Callable[[list[Array]], list[Array]]) -> Array:
        require(len(detect([pixels, pixels])) == 2, "a predictor's steps detect any list of images")
        return np.array([[1.0, 2.0, 3.0, 4.0, 0.5, 0.0]])

    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "two.avi"
        writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 32))
        for _ in range(2):
            writer.write(np.zeros((32, 64, 3), np.uint8))
        writer.release()
        options = {"imgsz": 64, "verbose": False, "save_txt": True, "project": folder, "name": "run", "device": "cpu"}
        detector = models.open_model(write_tiny_checkpoint(folder))
        run, results = predict_source(detector, str(video), everywhere, options)
        require(not run.exists(), "a predictor makes its folder by files.increment_path, or when it writes")
        found = list(results)
        labels = sorted(file.name for file in Path(folder).rglob("labels/*.txt"))
    told = [(one.frame, one.rows.tolist()) for one in found]
    require(
        told == [(1, [[1, 2, 3, 4, 0.5, 0]]), (2, [[1, 2, 3, 4, 0.5, 0]])] and labels == ["two_1.txt", "two_2.txt"],
        "a predictor reads videos by frame, calls preprocess, inference and postprocess, and writes their results",
    )


def _training_reports() -> None:
    from ultralytics.engine.trainer import BaseTrainer
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.utils.callbacks.base import default_callbacks

    for event in ("on_val_start", "on_pretrain_routine_end", "on_train_start"):
        require(event in default_callbacks, f"there is a callback {event}")
    saving = inspect.getsource(BaseTrainer.save_model)
    for file in ("last", "best"):
        require(f"self.{file}.write_bytes(" in saving, f"checkpoints are written by {file}.write_bytes")
    for owner, name, given in (
        (DetectionValidator, "update_metrics", ["preds", "batch"]),
        (DetectionValidator, "get_stats", []),
        (BaseTrainer, "save_metrics", ["metrics"]),
    ):
        found = _parameters(getattr(owner, name))[1:]
        require(found == given, f"{owner.__name__}.{name} takes {', '.join(given) or 'nothing'}, not {found}")
    kept = {"args", "save_dir", "best", "csv", "batch_size"}
    require(kept <= set(BaseTrainer.__init__.__code__.co_names), f"a trainer has {', '.join(sorted(kept))}")


def _validated_images() -> None:
    import cv2
    import numpy as np
    import torch
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_yolo_dataset

    bar = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, silent_thread(), redirect_stdout(bar), redirect_stderr(bar):
        images, labels = Path(folder) / "images", Path(folder) / "labels"
        images.mkdir()
        labels.mkdir()
        cv2.imwrite(str(images / "0.png"), np.zeros((32, 64, 3), np.uint8))
        (labels / "0.txt").write_text("1 0.5 0.5 0.25 0.5\n")
        data = {"names": {0: "a", 1: "b"}, "nc": 2, "channels": 3}
        dataset = build_yolo_dataset(get_cfg(), str(images), 1, data, mode="val", stride=32)
        batch = dataset.collate_fn([dataset[0]])
    rows = in_pixels(dataset.labels[0], np.array([64, 32]))
    require(rows.tolist() == [[24, 8, 16, 16, 1]], "datasets keep labels as class and shares of the image")
    require(
        {"img", "im_file", "ori_shape", "ratio_pad"} <= set(batch) and tuple(batch["ori_shape"][0]) == (32, 64),
        "a batch holds its images, their files, shapes and letterboxing",
    )
    columns = {"bboxes": torch.zeros(1, 4), "conf": torch.ones(1), "cls": torch.ones(1)}
    require(as_rows(columns).tolist() == as_rows(torch.tensor([[0.0, 0, 0, 0, 1, 1]])).tolist(), "boxes have columns")


def _export_table() -> None:
    suffixes = exporter.export_suffixes()
    require(suffixes.get("onnx") == ".onnx" and "engine" in suffixes, "export_formats lists arguments and suffixes")
    require(exporter.is_setting("imgsz") and not exporter.is_setting("imgszz"), "DEFAULT_CFG_DICT lists the settings")
    require(all(file.is_file() for file in exporter.sample_images()), "Ultralytics ships its two sample images")


def _export_network() -> None:
    with tempfile.TemporaryDirectory() as folder:
        reference = prepare_reference(write_tiny_checkpoint(folder), "torchscript", {"imgsz": 64})
    require(reference.layout == "grid" and reference.imgsz == (64, 64), "an exporter prepares its network by callback")


def _box_distances() -> None:
    import torch
    from ultralytics import YOLO
    from ultralytics.nn.modules.block import DFL

    with tempfile.TemporaryDirectory() as folder:
        detector = YOLO(write_tiny_checkpoint(folder))
    before = detector.model.model[-1].dfl
    require(type(before) is DFL and use_matmul_dfl(detector) == 1, "a head decodes distances by a layer of class DFL")
    x = torch.randn(1, 4 * before.c1, 5)
    require(
        torch.allclose(detector.model.model[-1].dfl(x), before(x), atol=1e-5), "DFL is the mean of its distribution"
    )


def _embeddings() -> None:
    import numpy as np
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as folder, silent_thread():
        detector = YOLO(write_tiny_checkpoint(folder))
        layers = detector.model.model
        numbered = all(layer.i == i and hasattr(layer, "f") for i, layer in enumerate(layers))
        require(numbered, "a layer has its number in i and its sources in f")
        (vector,) = detector.predict(np.zeros((32, 32, 3), np.uint8), imgsz=32, embed=[0], verbose=False)
    require(vector.ndim == 1, "Model.predict takes embed by name and returns one vector an image")


def _engine_backend() -> None:
    from ultralytics.nn.autobackend import AutoBackend

    require(_parameters(AutoBackend.__init__)[2] == "device", "AutoBackend takes a file and a device")


def _assigner() -> None:
    stock_rule()


def _parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


RUNNING = (
    Assumption("commands run in this process by their words", _commands),
    Assumption("devices are chosen by name", _devices),
    Assumption("opened models know their file, YAML and size", _open_models),
    Assumption("non-maximum suppression can keep several classes of a box", _suppression),
    Assumption("results hold boxes as rows", _results),
    Assumption("a predictor's steps can be put together anew", _prediction_of_files),
    Assumption("validators and trainers report through the methods that AP_small listens to", _training_reports),
    Assumption("validated images come with their labels and letterboxing", _validated_images),
    Assumption("export formats, settings and sample images are listed", _export_table),
    Assumption("an export hands its network over before it is traced", _export_network),
    Assumption("a head takes its boxes' distances from a layer DFL", _box_distances),
    Assumption("layers are embedded by their numbers", _embeddings),
    Assumption("TensorRT engines run by AutoBackend", _engine_backend),
    Assumption("objects are assigned under one of three known rules", _assigner),
)
