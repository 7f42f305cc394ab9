# SPDX-License-Identifier: AGPL-3.0-or-later
"""First use: whoever comes while blocks are being loaded waits for them, and gets what he would get alone."""

from __future__ import annotations

import pytest

from tests.commands import pythons

MODELS_IN_THREADS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor

THREADS = 16
start = threading.Barrier(THREADS)

def build(number):
    start.wait()
    from ultralytics import YOLO
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load
    if number % 4:
        return YOLO("yolo11n-fine.yaml", verbose=True).model
    return DetectionModel({**yaml_model_load("yolo11n-ema.yaml"), "activation": "nn.ReLU()"}, verbose=True)

with ThreadPoolExecutor(THREADS) as pool:
    models = list(pool.map(build, range(THREADS)))
for number, model in enumerate(models):
    names = {type(layer).__name__ for layer in model.model}
    acts = {type(layer.act).__name__ for layer in model.modules() if type(layer).__name__ == "Conv"}
    assert ("FINE" if number % 4 else "EMA") in names, names
    assert "ResNetLayer" not in names, names
    assert acts <= {"SiLU" if number % 4 else "ReLU", "Identity"}, (number, acts)
from ultralytics.nn.modules import Conv
from ultralytics.utils import LOGGER
assert type(Conv.default_act).__name__ == "SiLU"
print(len(models), "models,", len(LOGGER.filters), "filters left")
"""


BLOCKS_IN_THREADS = """
import threading
from concurrent.futures import ThreadPoolExecutor
start = threading.Barrier(16)
def ask(number):
    start.wait()
    import yolo_fine
    return len(yolo_fine.list_blocks())
print(*set(ThreadPoolExecutor(16).map(ask, range(16))))
"""

FAILING_ONCE = """
import sys, yolo_fine
sys.modules["yolo_fine.blocks"] = None
try:
    yolo_fine.list_blocks()
except ImportError:
    print("failed")
del sys.modules["yolo_fine.blocks"]
print("EMA" in {spec.name for spec in yolo_fine.list_blocks()})
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The three programs, each in its own interpreter."""
    return pythons([MODELS_IN_THREADS, BLOCKS_IN_THREADS, FAILING_ONCE], tmp_path_factory.mktemp("first_use"))


def test_sixteen_threads_build_models_first(done):
    models = done[0]
    assert models.returncode == 0, models.stderr[-3000:]
    assert models.stdout.endswith("16 models, 0 filters left\n"), models.stdout[-500:]
    table = models.stdout + models.stderr
    assert "ResNetLayer" not in table, "a placeholder was shown"
    assert table.count("yolo_fine.blocks.fine.FINE ") == 12 * 2


def test_sixteen_threads_ask_for_blocks_first(done):
    blocks = done[1]
    assert blocks.returncode == 0, blocks.stderr[-3000:]
    assert len(blocks.stdout.split()) == 1, "some threads saw a part of the blocks"


def test_what_goes_wrong_is_tried_again(done):
    assert done[2].stdout == "failed\nTrue\n", done[2].stderr[-3000:]
