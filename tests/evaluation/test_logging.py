# SPDX-License-Identifier: AGPL-3.0-or-later
"""AP by size of every epoch and the official VisDrone AP of the end reach what people log to."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from tests.commands import run
from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.small_ap import bins_of, metric_of, official_score
from yolo_fine.evaluation.sources import from_annotations, open_source
from yolo_fine.evaluation.visdrone.score import evaluate_visdrone
from yolo_fine.formats.visdrone_files import NAMES
from yolo_fine.integration.training_hooks import Validation

LOGGERS = [name for name in ("tensorboard", "mlflow") if importlib.util.find_spec(name)]
TRAIN = """
import json, sys
from ultralytics import settings
settings.update({"tensorboard": "tensorboard" in sys.argv[3], "mlflow": "mlflow" in sys.argv[3]})
from ultralytics import YOLO
model, told = YOLO("yolo11n.yaml"), []
model.add_callback("on_fit_epoch_end", lambda trainer: told.append({k: float(v) for k, v in trainer.metrics.items()}))
model.train(data=sys.argv[1], project=sys.argv[2], name="run", epochs=1, imgsz=64, batch=4, workers=0, plots=False,
            amp=False, device="cpu", verbose=False, max_det=20)
print("TOLD " + json.dumps(told))
"""


@pytest.fixture
def logged(dataset, tmp_path):
    content = yaml.safe_load(Path(dataset.yaml).read_text())
    file = dataset.root / "mine.yaml"
    file.write_text(yaml.safe_dump({**content, "train": "images/val"}))
    (tmp_path / "train.py").write_text(TRAIN)
    surroundings = {"YOLO_FINE_EVAL": "8,16,32", "MLFLOW_TRACKING_URI": str(tmp_path / "mlruns"), "GITHUB_ACTIONS": ""}
    surroundings |= {"YOLO_CONFIG_DIR": str(tmp_path), "MLFLOW_ALLOW_FILE_STORE": "true"}
    command = [sys.executable, "train.py", str(file), str(tmp_path), ",".join(LOGGERS)]
    done = run(command, tmp_path, **surroundings)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("TOLD "))
    return SimpleNamespace(folder=tmp_path, told=json.loads(line[5:]), output=done.stdout + done.stderr)


def test_every_epoch_has_all_sizes_and_the_end_the_official_score(logged):
    epoch, end = logged.told
    sizes = [f"metrics/{kind}_{name}(B)" for name in ("0-8", "8-16", "16-32", "32up") for kind in ("AP", "AR")]
    assert set(sizes) <= set(epoch)
    assert {name for name in epoch if "VisDrone" in name} == set()
    assert {name for name in end if "VisDrone" in name} == {"metrics/VisDrone_AP(B)", "metrics/VisDrone_AP50(B)"}
    assert 0 <= end["metrics/AP_8-16(B)"] <= 1
    assert math.isnan(end["metrics/AP_32up(B)"])  # there is no such object
    assert "official VisDrone AP" in logged.output
    header = (logged.folder / "run" / "results.csv").read_text().splitlines()[0]
    assert [name.strip() for name in header.split(",")][-len(sizes) :] == sizes
    if "tensorboard" in LOGGERS:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(logged.folder / "run"))
        events.Reload()
        assert {"metrics/AP_8-16(B)", "metrics/VisDrone_AP(B)"} <= set(events.Tags()["scalars"])
        assert len(events.Scalars("metrics/AP_8-16(B)")) == 2
    if "mlflow" in LOGGERS:
        names = {file.name for file in (logged.folder / "mlruns").rglob("metrics/**/*") if file.is_file()}
        assert {"AP_8-16B", "VisDrone_APB"} <= names


def test_the_official_score_is_that_of_the_evaluation(dataset):
    truth = open_source(dataset.yaml, "val", None, None, None).truth
    source = from_annotations(dataset.annotations, None, dataset.root / "images" / "val")
    random, found = np.random.default_rng(2), []
    for index in range(len(truth.names)):
        boxes = source.truth.boxes[source.truth.image == index]
        kinds = source.truth.category[source.truth.image == index]
        rows = np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:], random.random(len(boxes)), kinds - 1])
        found.append(np.add(rows[(kinds > 0) & (kinds < 11)][:-1], [0.7, 0, 0.7, 0, 0, 0]))
    order = list(range(len(truth.names)))[::-1]  # a validator has an order of its own
    validation = Validation(
        files=tuple(str(truth.files[i]) for i in order), sizes=truth.sizes[order], labels=[], max_det=500,
        found=[found[i] for i in order], names=dict(enumerate(NAMES)), data=dataset.yaml, is_last=True,
    )  # fmt: skip
    from yolo_fine.evaluation.small_ap import detections_of

    expected = evaluate_visdrone(truth, detections_of(found, {i: i + 1 for i in range(10)})).metrics
    score = official_score(validation)
    assert score["metrics/VisDrone_AP(B)"] == pytest.approx(expected["AP"] / 100)
    assert 0.05 < score["metrics/VisDrone_AP(B)"] < 0.95
    part = Validation(**{**vars(validation), "files": validation.files[1:], "found": validation.found[1:]})
    assert official_score(part) == {}
    assert official_score(Validation(**{**vars(validation), "data": str(dataset.root / "nowhere.yaml")})) == {}


@pytest.mark.parametrize(
    ("value", "names"),
    [("small", ["small"]), ("sizes", ["small", "medium", "large"]), ("8,16", ["0-8", "8-16", "16+"])],
)
def test_the_variable_names_the_sizes(value, names):
    assert [one.name for one in bins_of(value)] == names
    expected = {f"metrics/{kind}_{name.replace('+', 'up')}(B)" for name in names for kind in ("AP", "AR")}
    assert set(metric_of(value).undefined) == expected


def test_a_wrong_size_is_named():
    with pytest.raises(ArgumentError, match="smal"):
        bins_of("smal")
    assert "YOLO_FINE_EVAL" not in os.environ
