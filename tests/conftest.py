# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hermetic surroundings for every test: no downloads, no installs, settings in a temporary folder, one thread."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.fixtures.checkpoints",
    "tests.fixtures.slow",
    "tests.fixtures.trained",
    "tests.fixtures.visdrone_dataset",
]

_settings = tempfile.mkdtemp(prefix="yolo-fine-tests-")
os.environ.update(
    YOLO_AUTOINSTALL="false",
    YOLO_OFFLINE="true",
    YOLO_CONFIG_DIR=_settings,
    OMP_NUM_THREADS="1",
    MPLBACKEND="Agg",
)
os.environ.pop("YOLO_FINE_AUTOLOAD", None)


@pytest.fixture(autouse=True, scope="session")
def _surroundings():
    """One thread, and runs in the working folder: by default they go to the git repository that holds the venv.

    Models are many small objects, and Python looks for cycles among them 700 new ones at a time; at 200,000, tests that
    build models take about a sixth less time.
    """
    import gc

    import torch
    from ultralytics import settings

    torch.set_num_threads(1)
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    settings.update({"runs_dir": "runs", "datasets_dir": str(Path(_settings) / "datasets")})


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset YAML of eight images with a few bright squares each, two classes."""
    import cv2
    import numpy as np
    import yaml

    root = tmp_path_factory.mktemp("tiny")
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        (root / "images" / split).mkdir(parents=True)
        (root / "labels" / split).mkdir(parents=True)
        for index in range(4):
            image = random.integers(0, 60, (64, 64, 3), dtype=np.uint8)
            lines = []
            for _ in range(3):
                x, y = random.integers(6, 58, 2)
                kind = int(random.integers(0, 2))
                image[y - 4 : y + 4, x - 4 : x + 4] = (250, 250, 250) if kind else (30, 30, 250)
                lines.append(f"{kind} {x / 64:.4f} {y / 64:.4f} 0.125 0.125")
            cv2.imwrite(str(root / "images" / split / f"{index}.png"), image)
            (root / "labels" / split / f"{index}.txt").write_text("\n".join(lines) + "\n")
    data = {"path": str(root), "train": "images/train", "val": "images/val", "names": {0: "red", 1: "white"}}
    file = root / "tiny.yaml"
    file.write_text(yaml.safe_dump(data))
    return file
