# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs a model on one image and keeps what it found, and what its blocks did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.predict.detector import open_detector
from yolo_fine.integration.models import file_of, input_bands
from yolo_fine.integration.observing import SeenBlock, Watched, watching
from yolo_fine.integration.prediction import forget_predictor, rows_of, trained_size
from yolo_fine.layers.views import HasViews, Heat, View
from yolo_fine.registry import registered
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.paths import ModelSource


@dataclass(frozen=True)
class Look:
    """What a model found in an image, and what was seen of it meanwhile.

    Attributes:
        model: What the model is called.
        names: Class names by number.
        boxes: Left, top, right, bottom, score, class, best first; shape (n, 6), pixels of the image.
        imgsz: The longer side that was asked of the network's input.
        seen: Its blocks and the maps that its head read.
    """

    model: str
    names: dict[int, str]
    boxes: Array
    imgsz: int
    seen: Watched


def look(model: ModelSource, image: Array, **options: Any) -> Look:
    """Predict on an image (height, width, 3; BGR) and watch.

    Args:
        model: A checkpoint, or a ``YOLO``.
        image: The image.
        options: ``imgsz`` (None is the size that it was trained at), ``conf``, ``iou``, ``max_det``, ``device``.

    Raises:
        ArgumentError: It is an exported file, a YAML without weights, or a model for another task.
        MissingFileError: There is no such file.
        CheckpointError: The file is damaged or no checkpoint.
    """
    detector = open_detector(model)
    bands = input_bands(detector)
    if bands not in (None, image.shape[2]):
        raise ArgumentError(
            f"model={name_of(model, detector)} takes images of {bands} bands; explain shows images of {image.shape[2]}"
        )
    size = options.pop("imgsz") or trained_size(detector)
    size = int(max(size)) if isinstance(size, (list, tuple)) else int(size)
    with watching(detector) as seen:
        forget_predictor(detector)
        result = detector.predict(image, imgsz=size, verbose=False, save=False, **options)[0]
        forget_predictor(detector)  # the next prediction with a loaded model is the user's own
    rows = rows_of(result)
    return Look(name_of(model, detector), dict(detector.names), rows[np.argsort(-rows[:, 4])], size, seen)


def name_of(model: ModelSource, detector: Any) -> str:
    """What a model is called: as given, or the file that a ``YOLO`` was opened from."""
    return str(model) if not hasattr(model, "predict") else str(file_of(detector) or "the loaded model")


@torch.no_grad()
def views_of(block: SeenBlock) -> Iterator[View]:
    """What a block shows of itself, and by how much it changes its map."""
    if isinstance(block.module, HasViews):
        yield from block.module.views(block.inputs)
    before, after = changed_map(block), block.output
    if before is not None:
        size = before.float().norm(dim=1, keepdim=True)
        change = (after.float() - before.float()).norm(dim=1, keepdim=True) / size.clamp(min=1e-6)
        yield Heat("change of the map, share of its size", change)


def changed_map(block: SeenBlock) -> Any:
    """The map that a block puts out in another form: of the output's shape, where its declaration names one."""
    spec = next(spec for spec in registered.values() if type(block.module) is spec.cls)
    names = spec.input_names
    if spec.gives_maps:
        return None  # the rows of Pick below it hand on what it made of each
    if spec.inputs == 1:
        before = block.inputs
    elif spec.out == "first":
        before = block.inputs[0]
    elif spec.out == "last":
        before = block.inputs[-1]
    elif names is not None and spec.out in names:
        before = block.inputs[names.index(spec.out)]
    else:
        return None
    if not (isinstance(before, torch.Tensor) and isinstance(block.output, torch.Tensor)):
        return None  # a block that reads what another one made of several maps
    if spec.kind == "upsample" and before.shape[1] == block.output.shape[1]:
        before = torch.nn.functional.interpolate(before.float(), block.output.shape[2:], mode="nearest")
    return before if before.shape == block.output.shape else None


def gain_of(module: Any) -> float | None:
    """Mean magnitude of the gain that a block blends its work in by: 0 as if it were not there; None without one."""
    gain = getattr(module, "gain", None)
    weight = getattr(gain, "weight", gain)
    return float(weight.detach().abs().mean()) if isinstance(weight, torch.Tensor) else None
