# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command: what it counts on a dataset, what it writes, and how mistakes end."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import yaml

from yolo_fine import assignment
from yolo_fine.cli import main
from yolo_fine.errors import ArgumentError, DataError

# Left, top, side in pixels of a 64x64 image; at 64 px under rule 8.3, the 2 px squares hold no anchor centre.
OBJECTS = [[(9, 9, 2), (30, 30, 20)], [(15, 43, 2), (15, 43, 2)], []]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("assign")
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    for number, objects in enumerate(OBJECTS):
        cv2.imwrite(str(root / "images" / "train" / f"{number}.png"), np.full((64, 64, 3), 90, np.uint8))
        rows = [f"0 {(x + s / 2) / 64} {(y + s / 2) / 64} {s / 64} {s / 64}\n" for x, y, s in objects]
        text = "".join(rows[:1] if number == 1 else rows)
        (root / "labels" / "train" / f"{number}.txt").write_text(text)
    file = root / "data.yaml"
    file.write_text(yaml.safe_dump({"path": str(root), "train": "images/train", "val": "images/train", "names": ["a"]}))
    return str(file)


def test_what_training_cannot_see(data):
    found = assignment(data, imgsz=64, rule="8.3")
    assert (found.overall.objects, found.overall.no_candidate) == (3, pytest.approx(2 / 3))
    assert [(one.name, one.objects, one.no_candidate) for one in found.bins if one.objects] == [
        ("0-4", 2, 1.0),
        ("16-32", 1, 0.0),
    ]
    assert found.other_releases == {"8.4.0": 0.0, "8.4.190": 0.0}
    assert "training cannot see 2 of 3 objects (66.7%)" in repr(found)
    assert [cure.what for cure in found.cures] == ["imgsz=96", "imgsz=128", "head=p2,p3,p4,p5", "head=p2,p3,p4"]
    assert [cure.cost for cure in found.cures] == [pytest.approx(2.25), 4.0, None, None]
    assert found.cures[2].no_candidate == pytest.approx(1 / 3)  # [9, 9, 11, 11] has a centre at stride 4


def test_a_larger_input_cures_and_the_cheapest_is_named(data):
    found = assignment(data, imgsz=64, rule="floor=16")
    assert found.overall.no_candidate == 0
    assert "nothing needs to change" in found.advice()
    unseen = assignment(data, imgsz=64, rule="8.3", strides="4,8,16,32")
    assert [cure.what for cure in unseen.cures] == ["imgsz=96", "imgsz=128"]


def test_the_command_writes_and_returns_what_it_found(data, tmp_path, capsys):
    words = [data, "imgsz=64,128", "rule=8.3", f"json={tmp_path / 'a.json'}", f"plot={tmp_path / 'a.png'}"]
    assert main(["assign", *words]) == 0
    printed = capsys.readouterr().out
    assert "rule 8.3: no side is enlarged (strides 8, 16, 32)" in printed
    written = json.loads((tmp_path / "a.json").read_text())
    assert [one["imgsz"] for one in written] == [64, 128]
    assert {"rule", "imgsz", "objects", "no_candidate", "contested", "bins"} <= set(written[0])
    first = written[0]["bins"][0]
    assert (first["low"], first["high"], first["objects"], first["no_candidate"]) == (0, 4, 2, 1.0)
    assert written[0]["bins"][-1]["high"] is None
    assert cv2.imread(str(tmp_path / "a.png")) is not None
    assert main(["assign", data, "imgsz=64", "rule=8.3", "limit=50"]) == 1
    assert main(["assign", data, "imgsz=64", "rule=8.3", "limit=70"]) == 0


def test_with_a_model_its_strides_and_costs_count(data):
    found = assignment(data, "yolo11n.yaml", imgsz=64, rule="8.3")
    assert found.strides == [8.0, 16.0, 32.0]
    assert found.cures[1].cost == pytest.approx(4, rel=0.05)
    assert 1 < found.cures[3].cost < found.cures[2].cost < 1.35


def test_with_weights_the_assigner_itself_is_asked(data):
    found = assignment(data, "yolo11n.yaml", imgsz=64, rule="8.3", weights=True)
    by_size = {label.name: label for label in found.labels}
    assert by_size["0-4"].objects == 2
    assert (by_size["0-4"].positives, by_size["0-4"].no_positive, by_size["0-4"].best) == (0.0, 1.0, 0.0)
    assert by_size["16-32"].positives > 0
    seen = assignment(data, "yolo11n.yaml", imgsz=64, rule="floor=64", weights=True)
    assert {label.name: label.positives for label in seen.labels}["16-32"] > by_size["16-32"].positives
    assert sum(label.loss_share for label in seen.labels if label.name != "all") == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"imgsz": "small"}, "imgsz=small must be a number of pixels"),
        ({"imgsz": 8}, "imgsz=8 must be 32 to 8192"),
        ({"strides": "16,8"}, "strides=16,8 must be ascending"),
        ({"weights": True}, "weights=True runs a model; name it"),
        ({"rule": "8.2"}, "rule=8.2 is none of"),
        ({"plot": "a.jpg"}, "plot=a.jpg: name a file that ends in .png"),
    ],
)
def test_mistakes_are_one_message(data, arguments, message):
    with pytest.raises(ArgumentError) as caught:
        assignment(data, **arguments)
    assert message in str(caught.value)


def test_a_split_without_objects_is_said(tmp_path):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "0.png"), np.zeros((64, 64, 3), np.uint8))
    file = tmp_path / "data.yaml"
    file.write_text(yaml.safe_dump({"path": str(tmp_path), "train": "images", "val": "images", "names": ["a"]}))
    with pytest.raises(DataError, match="no objects"):
        assignment(file)
