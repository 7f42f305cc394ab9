# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from tests.evaluation.report.scene import BINS, CLASSES, SIZE, make_detections, make_images, make_truth
from yolo_fine import evaluate
from yolo_fine.evaluation.misses_file import write_misses
from yolo_fine.evaluation.report.misses import find_misses


@pytest.fixture
def written(tmp_path):
    truth = make_truth(["a", "sub/b"], make_images(tmp_path, 2))
    write_misses(tmp_path / "misses.json", truth, make_detections(2), BINS)
    return truth, tmp_path / "misses.json"


def test_every_miss_is_there_with_its_attributes(written):
    truth, file = written
    content = json.loads(file.read_text())
    counted = find_misses(truth, make_detections(2), BINS).counts
    kinds = Counter(one["kind"] for one in content["annotations"])
    assert kinds == {kind: sum(sizes.values()) for kind, sizes in counted.items() if sizes}
    assert [(one["file_name"], one["width"], one["height"]) for one in content["images"]] == [
        ("a.png", *SIZE), ("sub/b.png", *SIZE)
    ]  # fmt: skip
    assert {one["id"]: one["name"] for one in content["categories"]} == CLASSES
    wrong = next(one for one in content["annotations"] if one["kind"] == "wrong class")
    assert (wrong["bbox"], wrong["category_id"]) == ([220, 42, 60, 60], 1)
    assert wrong["attributes"] == {
        "kind": "wrong class", "object_size": "large", "score": 0.8, "iou": wrong["iou"], "other_class": CLASSES[3]
    }  # fmt: skip
    assert 0.9 < wrong["iou"] < 1
    for one in content["annotations"]:
        assert {key: one[key] for key in one["attributes"]} == one["attributes"]


def test_no_category_is_0_which_readers_take_for_no_class(written, tmp_path):
    truth, file = written
    counted_from_1, detections = json.loads(file.read_text()), make_detections(2)
    assert min(truth.classes) == 1
    truth = replace(
        truth, classes={number - 1: name for number, name in truth.classes.items()}, category=truth.category - 1
    )
    detections = replace(detections, category=detections.category - 1)
    write_misses(tmp_path / "from_0.json", truth, detections, BINS)
    assert json.loads((tmp_path / "from_0.json").read_text()) == counted_from_1


def test_pycocotools_reads_it(written):
    coco = pytest.importorskip("pycocotools.coco")
    read = coco.COCO(str(written[1]))
    content = json.loads(written[1].read_text())
    assert len(read.getAnnIds()) == len(content["annotations"]) > 0
    assert len(read.getAnnIds(imgIds=1)) + len(read.getAnnIds(imgIds=2)) == len(read.getAnnIds())


def test_the_evaluation_writes_it(dataset, tmp_path):
    found = dataset.detections("results", share=0.5)
    file = tmp_path / "misses.json"
    evaluated = evaluate(
        annotations=dataset.annotations, detections=found, images=dataset.root / "images" / "val",
        resamples=0, misses=file,
    )  # fmt: skip
    content = json.loads(file.read_text())
    assert {one["kind"] for one in content["annotations"]} == {"missed"}
    assert len(content["images"]) == 5
    assert str(file) in evaluated.summary()
