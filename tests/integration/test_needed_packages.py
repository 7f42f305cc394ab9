# SPDX-License-Identifier: AGPL-3.0-or-later
"""A checkpoint with our blocks says what is needed to load it; a stock one says nothing.

That a trained one does stands in test_training_cycle.py, beside the run that it takes.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from ultralytics import YOLO

import yolo_fine
from tests.fixtures.checkpoints import save
from yolo_fine.integration.needed_packages import KEY, needed_packages, note_needed_packages, write_note

OURS = f"yolo-fine {yolo_fine.__version__}"


def test_a_seeded_checkpoint_says_it_and_a_stock_one_nothing(tmp_path: Path) -> None:
    stock = tmp_path / "stock.pt"
    save(YOLO("yolo11n.yaml"), stock)
    for model, noted in (("yolo11n-fine.yaml", [OURS]), ("yolo11n.yaml", None)):
        seeded = yolo_fine.seed(model, weights=stock, out=tmp_path / "seeded.pt").out
        assert YOLO(seeded).model.yaml.get(KEY) == noted


def test_every_package_is_named() -> None:
    class Local(nn.Module):
        pass

    timm = pytest.importorskip("timm")
    layers = nn.Sequential(yolo_fine.blocks.EMA(16), timm.layers.create_attn("ese", 16), nn.Conv2d(1, 1, 1), Local())
    assert needed_packages(layers) == ["tests", f"timm {timm.__version__}", OURS]


def test_both_models_of_a_trainer_get_it_also_within_ddp() -> None:
    model, average = (YOLO("yolo11n-ema.yaml").model for _ in range(2))
    note_needed_packages(SimpleNamespace(model=SimpleNamespace(module=model), ema=SimpleNamespace(ema=average)))
    assert model.yaml[KEY] == average.yaml[KEY] == [OURS]


def test_it_does_not_outlive_the_blocks_and_needs_no_yaml() -> None:
    model = YOLO("yolo11n.yaml").model
    model.yaml[KEY] = [OURS]
    write_note(model)
    assert KEY not in model.yaml
    write_note(torch.nn.Conv2d(1, 1, 1))
    note_needed_packages(SimpleNamespace(model=model, ema=None))
