# SPDX-License-Identifier: AGPL-3.0-or-later
"""A detector small enough to run in milliseconds, with random weights, and images of noise for it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import yaml
from ultralytics import YOLO

from yolo_fine.formats.objects import GroundTruth

CONV, DETECT = [-1, 1, "Conv", [32, 3, 2]], [[1, 2], 1, "Detect", ["nc"]]
NAMES = {0: "red", 1: "white"}


def tiny_model(folder: Path, names: dict[int, str] = NAMES) -> YOLO:
    """Two convolutions and a detection head at strides 4 and 8, whose scores are spread over 0.01 .. 0.99."""
    file = folder / "yolov8n-tiny.yaml"
    rows = {"nc": len(names), "backbone": [CONV, CONV, CONV], "head": [DETECT], "scales": {"n": [1.0, 1.0, 1024]}}
    file.write_text(yaml.safe_dump(rows))
    torch.manual_seed(0)
    model = YOLO(str(file), task="detect")
    model.model.names = dict(names)
    for branch in (*model.model.model[-1].cv2, *model.model.model[-1].cv3):
        weight = torch.nn.init.normal_(branch[-1].weight, std=2.0).data
        weight -= weight.mean(1, keepdim=True)  # activations are positive: without this one class wins everywhere
        torch.nn.init.zeros_(branch[-1].bias)
    model.model.eval()
    return model


def noise_images(folder: Path, sizes: list[tuple[int, int]], classes: dict[int, str] | None = None) -> GroundTruth:
    """Images of blurred noise, (width, height) each, with one annotated object at the top left."""
    random, files = np.random.default_rng(0), []
    for index, (width, height) in enumerate(sizes):
        noise = random.integers(0, 255, (height, width, 3), dtype=np.uint8)
        files.append(folder / f"image{index}.png")
        cv2.imwrite(str(files[-1]), cv2.GaussianBlur(noise, (0, 0), 2))
    return GroundTruth(
        names=tuple(file.stem for file in files),
        sizes=np.array(sizes, dtype=np.int64),
        classes=classes or dict(NAMES),
        image=np.arange(len(sizes)),
        boxes=np.tile([0.0, 0.0, 8.0, 8.0], (len(sizes), 1)),
        category=np.zeros(len(sizes), dtype=np.int64),
        area=np.full(len(sizes), 64.0),
        crowd=np.zeros(len(sizes), dtype=bool),
        files=tuple(files),
    )
