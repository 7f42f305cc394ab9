# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import csv
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.commands import FAST, pythons, yolo
from yolo_fine.evaluation.small_ap import AP_SMALL, COLUMNS, watch_trainer
from yolo_fine.integration import training_hooks
from yolo_fine.integration.training_hooks import ValidationBoxes, as_rows, to_original

SMALL = tuple(COLUMNS)


def image_labels(name: str, size: tuple[int, int], boxes: list[tuple[float, ...]]) -> dict:
    """Labels as Ultralytics' datasets keep them, from class, left, top, width, height in pixels."""
    table = np.array(boxes, dtype=np.float64).reshape(-1, 5)
    centres = np.column_stack([table[:, 1:3] + table[:, 3:] / 2, table[:, 3:]]) / [*size, *size]
    return {"im_file": name, "cls": table[:, :1].astype(np.float32), "bboxes": centres.astype(np.float32)}


def validator_of(labels: list[dict], **args) -> SimpleNamespace:
    dataloader = SimpleNamespace(dataset=SimpleNamespace(labels=labels))
    settings = SimpleNamespace(**{"single_cls": False, "max_det": 300, "task": "detect", **args})
    return SimpleNamespace(args=settings, dataloader=dataloader, names={0: "car", 1: "bus"})


def batch_of(labels: list[dict], size: tuple[int, int], scale: float, pad: tuple[float, float]) -> dict:
    width, height = size
    return {
        "img": torch.zeros(len(labels), 3, int(height * scale + 2 * pad[1]), int(width * scale + 2 * pad[0])),
        "ori_shape": [(height, width)] * len(labels),
        "ratio_pad": [((scale, scale), pad)] * len(labels),
        "im_file": [label["im_file"] for label in labels],
    }


def found(boxes: list[tuple[float, ...]], scale: float, pad: tuple[float, float]) -> torch.Tensor:
    """Rows of a detector that finds score, class, left, top, width, height, in the pixels of its input."""
    table = torch.tensor(boxes).reshape(-1, 6)
    corners = torch.cat([table[:, 2:4], table[:, 2:4] + table[:, 4:]], dim=1) * scale + torch.tensor([*pad, *pad])
    return torch.cat([corners, table[:, :2]], dim=1)


@pytest.mark.parametrize("as_dictionary", [True, False], ids=["columns", "rows"])
def test_only_small_objects_count(as_dictionary):
    size, scale, pad = (400, 300), 0.5, (0.0, 5.0)
    small, large = (0, 10, 10, 20, 30), (0, 100, 100, 200, 150)
    labels = [image_labels("a.png", size, [small, large]), image_labels("b.png", size, [(1, 50, 60, 8, 8)])]
    preds = [found([(0.9, *small)], scale, pad), found([(0.8, 1, 50, 60, 8, 8), (0.7, 0, 9, 9, 9, 9)], scale, pad)]
    if as_dictionary:
        preds = [{"bboxes": p[:, :4], "conf": p[:, 4], "cls": p[:, 5], "extra": p[:, 6:]} for p in preds]
    objects = ValidationBoxes(validator_of(labels), AP_SMALL)
    objects.collect(preds, batch_of(labels, size, scale, pad))
    assert objects.measure() == pytest.approx(dict.fromkeys(SMALL, 1.0))  # the missed large one is of no account

    objects.collect([found([], scale, pad)], batch_of(labels[:1], size, scale, pad))
    assert objects.measure() == pytest.approx(dict.fromkeys(SMALL, 0.5))  # one of two classes is found


def test_equals_pycocotools(tmp_path):
    """Random boxes, two classes, more detections than max_det."""
    coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    random, size = np.random.default_rng(3), (640, 480)
    labels, preds, annotations, results = [], [], [], []
    for index in range(6):
        boxes = [(int(random.integers(2)), *random.integers(0, 400, 2), *random.integers(4, 60, 2)) for _ in range(20)]
        labels.append(image_labels(str(index), size, boxes))
        guesses = []
        for kind, *box in boxes * 2:
            moved = np.array(box) + random.normal(0, 2, 4)
            guesses.append((float(np.float32(random.random())), kind, *moved[:2], *np.abs(moved[2:]) + 1))
        preds.append(found(guesses, 1.0, (0.0, 0.0)))
        for share, kind in zip(labels[-1]["bboxes"].astype(np.float64), labels[-1]["cls"], strict=True):
            centre, side = share[:2] * size, share[2:] * size
            annotations.append({"id": len(annotations) + 1, "image_id": index, "category_id": int(kind[0]),
                                "bbox": [*(centre - side / 2), *side], "area": side.prod(), "iscrowd": 0})  # fmt: skip
    objects = ValidationBoxes(validator_of(labels, max_det=10), AP_SMALL)
    objects.collect(preds, batch_of(labels, size, 1.0, (0.0, 0.0)))
    for index, (_, rows) in enumerate(objects.images.values()):
        for left, top, right, bottom, score, kind in rows.astype(float):
            results.append({"image_id": index, "category_id": int(kind), "score": score,
                            "bbox": [left, top, right - left, bottom - top]})  # fmt: skip
    truth = coco.COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": index, "width": size[0], "height": size[1]} for index in range(6)],
        "categories": [{"id": 0, "name": "car"}, {"id": 1, "name": "bus"}],
        "annotations": annotations,
    }
    truth.createIndex()
    reference = COCOeval(truth, truth.loadRes(results), "bbox")
    reference.params.maxDets = [1, 5, 10]
    reference.evaluate()
    reference.accumulate()
    precision, recall = reference.eval["precision"][:, :, :, 1, 2], reference.eval["recall"][:, :, 1, 2]
    metrics = objects.measure()
    assert 0.05 < metrics["metrics/AP_small(B)"] < 0.95
    assert metrics["metrics/AP_small(B)"] == pytest.approx(precision[precision > -1].mean(), abs=1e-9)
    assert metrics["metrics/AR_small(B)"] == pytest.approx(recall[recall > -1].mean(), abs=1e-9)


def test_no_small_object_is_no_number():
    labels = [image_labels("a.png", (400, 300), [(0, 100, 100, 200, 150)])]
    objects = ValidationBoxes(validator_of(labels), AP_SMALL)
    objects.collect([found([], 1.0, (0.0, 0.0))], batch_of(labels, (400, 300), 1.0, (0.0, 0.0)))
    assert all(math.isnan(value) for value in objects.measure().values())


def test_single_cls():
    labels = [image_labels("a.png", (400, 300), [(0, 10, 10, 20, 20)])]
    objects = ValidationBoxes(validator_of(labels, single_cls=True), AP_SMALL)
    objects.collect([found([(0.9, 1, 10, 10, 20, 20)], 1.0, (0, 0))], batch_of(labels, (400, 300), 1.0, (0.0, 0.0)))
    assert objects.measure()["metrics/AP_small(B)"] == pytest.approx(1.0)


def test_letterboxed_and_stretched_images():
    boxes = np.array([[10.0, 20.0, 30.0, 60.0]])
    letterboxed = to_original(boxes, (100, 200), (180, 400), ((0.5, 0.5), (0.0, 5.0)))
    np.testing.assert_allclose(letterboxed, [[20, 30, 60, 110]])
    stretched = to_original(boxes, (100, 200), (50, 400), (2.0, 0.5))
    np.testing.assert_allclose(stretched, [[20, 10, 60, 30]])
    outside = to_original(np.array([[-5.0, -5.0, 500.0, 500.0]]), (100, 200), (100, 200), ((1.0, 1.0), (0, 0)))
    np.testing.assert_allclose(outside, [[0, 0, 200, 100]])


def test_collecting_leaves_the_boxes_alone():
    pred = found([(0.9, 1, 10, 10, 20, 20)], 1.0, (0, 0))
    rows = as_rows(pred)
    rows[:] = -1
    assert (pred >= 0).all()


def test_a_failure_is_told_once_and_stops_nothing(monkeypatch):
    told = []
    monkeypatch.setattr(training_hooks, "warn", told.append)
    objects = ValidationBoxes(validator_of([]), AP_SMALL)
    update = objects.around_update_metrics(lambda preds, batch: told.append("stock"))
    for _ in range(2):
        update([found([], 1.0, (0, 0))], {"no": "such batch"})
    stats = objects.around_get_stats(lambda: {"fitness": 0.5})()
    assert stats["fitness"] == 0.5
    assert all(math.isnan(stats[name]) for name in SMALL)
    assert [line for line in told if line != "stock"] == [told[0]]
    assert "KeyError" in told[0]
    assert told.count("stock") == 2


class Trainer:
    """What of a trainer the callback touches; rows are written as Ultralytics does."""

    def __init__(self, file: Path, task: str = "detect") -> None:
        self.csv, self.args, self.rows = file, SimpleNamespace(task=task), []

    def save_metrics(self, metrics):
        self.rows.append(list(metrics))


def test_columns_come_last_and_are_there_without_validation(tmp_path):
    trainer = Trainer(tmp_path / "results.csv")
    watch_trainer(trainer)
    trainer.save_metrics(metrics={"metrics/mAP50(B)": 0, "lr/pg0": 0})
    trainer.save_metrics(metrics={"metrics/mAP50(B)": 0, **dict.fromkeys(SMALL, 0.1), "lr/pg0": 0})
    assert trainer.rows == [["metrics/mAP50(B)", "lr/pg0", *SMALL]] * 2


def test_a_resumed_run_keeps_its_columns(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(training_hooks, "warn", told.append)
    file = tmp_path / "results.csv"
    for header, expected in ((f"epoch,time,lr/pg0,{','.join(SMALL)}", [*SMALL]), ("epoch,time,lr/pg0", [])):
        file.write_text(header + "\n1,2,3\n")
        trainer = Trainer(file)
        watch_trainer(trainer)
        trainer.save_metrics(metrics={**dict.fromkeys(SMALL, 0.1), "lr/pg0": 0})
        assert trainer.rows == [["lr/pg0", *expected]]
    assert len(told) == 1
    assert "was begun without AP_small" in told[0]


def test_other_tasks_are_left_alone(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(training_hooks, "say", told.append)
    trainer = Trainer(tmp_path / "results.csv", task="obb")
    watch_trainer(trainer)
    trainer.save_metrics(metrics={"lr/pg0": 0})
    assert trainer.rows == [["lr/pg0"]]
    assert "not 'obb'" in told[0]


CALLBACKS = (
    "import ultralytics.nn.tasks, sys\n"
    "from ultralytics.utils.callbacks.base import default_callbacks\n"
    "modules = [f.__module__ for fs in default_callbacks.values() for f in fs]\n"
    "ours = [name for name in modules if name.startswith('yolo_fine.evaluation')]\n"
    "print('OURS', len(ours), 'yolo_fine.evaluation.small_ap' in sys.modules)"
)


def test_asked_for_by_the_environment(tmp_path):
    expected = {"": "OURS 0 False", "small": "OURS 2 True", "smal": "OURS 0 True"}
    message = "YOLO_FINE_EVAL=smal has no effect; choices are small, sizes, aitod and limits in pixels, as 8,16,32; "
    message += "did you mean small?"
    codes = [f"import os; os.environ['YOLO_FINE_EVAL'] = {value!r}\n{CALLBACKS}" for value in expected]
    for (value, callbacks), done in zip(expected.items(), pythons(codes, tmp_path), strict=True):
        assert callbacks in done.stdout
        assert (message in done.stdout + done.stderr) == (value == "smal")


def read_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open() as file:
        return [{key.strip(): value.strip() for key, value in row.items()} for row in csv.DictReader(file)]


def test_stock_training_with_and_without(tmp_path, tiny_data):
    words = ["train", "model=yolo11n.yaml", f"data={tiny_data}", "epochs=2", *FAST, f"project={tmp_path}", "seed=0"]
    for name, value in (("stock", ""), ("ours", "small")):
        done = yolo(*words, f"name={name}", cwd=tmp_path, YOLO_FINE_EVAL=value)
        assert done.returncode == 0, done.stderr[-3000:]
        assert ("AP_small" in done.stdout + done.stderr) == (name == "ours")
    stock, ours = read_rows(tmp_path / "stock"), read_rows(tmp_path / "ours")
    assert list(ours[0]) == [*stock[0], *SMALL]
    assert len(ours) == len(stock) == 2
    for theirs, mine in zip(stock, ours, strict=True):
        assert 0 <= float(mine[SMALL[0]]) <= 1
        same = [key for key in theirs if key != "time"]
        assert [mine[key] for key in same] == [theirs[key] for key in same]
