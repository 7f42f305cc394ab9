# SPDX-License-Identifier: AGPL-3.0-or-later
"""The procedural set: the same bits every time, whole or not there at all, and its two label formats agree."""

import hashlib
import json

import cv2
import numpy as np
import pytest

from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.smallobjects import dataset as procedural
from yolo_fine.smallobjects.dataset import make_dataset, make_image
from yolo_fine.smallobjects.objects import NAMES

SIZE = 256


def digests(folder):
    """Path and content hash of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("set") / "small", train=6, val=10, size=SIZE, scale=0.5)


def test_layout_and_counts(sample):
    assert sample.created
    assert sample.images == {"train": 6, "val": 10}
    for split, count in sample.images.items():
        for folder in ("images", "labels", "annotations"):
            assert len(list((sample.root / folder / split).iterdir())) == count
    image = cv2.imread(str(sample.root / "images/val/val_00000.jpg"))
    assert image.shape == (SIZE, SIZE, 3)


def test_two_runs_give_the_same_bits(sample, tmp_path):
    again = make_dataset(tmp_path / "again", train=6, val=10, size=SIZE, scale=0.5)
    assert digests(again.root) == digests(sample.root)


def test_a_image_does_not_depend_on_how_many_there_are(sample, tmp_path):
    fewer = digests(make_dataset(tmp_path / "fewer", train=2, val=1, size=SIZE, scale=0.5).root)
    more = digests(sample.root)
    shared = [name for name in fewer if name.startswith(("images", "labels", "annotations"))]
    assert len(shared) == 9
    assert all(fewer[name] == more[name] for name in shared)


@pytest.mark.parametrize(("split", "index", "seed"), [("val", 0, 0), ("train", 1, 0), ("train", 0, 1)])
def test_split_number_and_seed_each_change_the_image(split, index, seed):
    first = make_image("train", 0, size=SIZE)[0]
    assert not np.array_equal(first, make_image(split, index, size=SIZE, seed=seed)[0])


def test_yolo_and_visdrone_labels_agree(sample):
    seen = 0
    for annotation in sorted((sample.root / "annotations").rglob("*.txt")):
        rows = [[int(value) for value in line.split(",")] for line in annotation.read_text().splitlines()]
        objects = [row for row in rows if row[5] != 0]
        label = sample.root / "labels" / annotation.parent.name / annotation.name
        lines = [line.split() for line in label.read_text().splitlines()]
        assert [int(line[0]) for line in lines] == [row[5] - 1 for row in objects]
        for line, (x, y, w, h, *_) in zip(lines, objects, strict=True):
            centre_x, centre_y, width, height = (float(value) * SIZE for value in line[1:])
            assert [centre_x - width / 2, centre_y - height / 2, width, height] == pytest.approx([x, y, w, h], abs=1e-3)
            seen += 1
    assert seen == sum(sample.boxes.values()) > 100


def test_rows_are_valid(sample):
    ignored = 0
    for annotation in (sample.root / "annotations").rglob("*.txt"):
        for line in annotation.read_text().splitlines():
            x, y, w, h, score, category, truncation, occlusion = map(int, line.split(","))
            assert x >= 0
            assert y >= 0
            assert w >= 3
            assert h >= 3
            assert x + w <= SIZE
            assert y + h <= SIZE
            assert score == (category > 0)
            assert 0 <= category <= len(NAMES)
            assert truncation in (0, 1)
            assert occlusion in (0, 1, 2)
            ignored += category == 0
    assert ignored == sum(sample.ignored.values()) > 0


def test_density_changes_the_number_of_objects():
    counts = [sum(len(make_image("val", i, size=512, density=d)[1]) for i in range(6)) for d in (0.5, 1, 2)]
    assert counts[0] < 0.7 * counts[1] < 0.5 * counts[2]


def test_truncated_boxes_touch_the_edge():
    _, annotations, _ = make_image("val", 3, size=512)
    for annotation in annotations:
        if annotation.truncation:
            assert min(annotation.box) == 0 or max(annotation.box) == 512


def test_a_finished_set_is_found_again(sample):
    before = digests(sample.root)
    again = make_dataset(sample.root, train=6, val=10, size=SIZE, scale=0.5)
    assert not again.created
    assert (again.boxes, again.ignored, again.images) == (sample.boxes, sample.ignored, sample.images)
    assert digests(sample.root) == before


def test_another_set_is_not_overwritten(sample):
    with pytest.raises(DataError, match="val is 10, not 11"):
        make_dataset(sample.root, train=6, val=11, size=SIZE, scale=0.5)


def test_a_foreign_folder_is_not_touched(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="no sample set"):
        make_dataset(tmp_path, train=1, val=1, size=SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_damaged_set_is_noticed(tmp_path):
    root = make_dataset(tmp_path / "set", train=2, val=1, size=64).root
    (root / "labels/train/train_00001.txt").unlink()
    with pytest.raises(DataError, match="holds 1 files instead of 2"):
        make_dataset(root, train=2, val=1, size=64)


@pytest.mark.parametrize("failure", [RuntimeError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_run_leaves_nothing(tmp_path, failure):
    def stop(done, total):
        assert total == 5
        if done == 3:
            raise failure

    with pytest.raises(type(failure)):
        make_dataset(tmp_path / "set", train=4, val=1, size=64, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "set").mkdir()
    assert make_dataset(tmp_path / "set", train=1, val=1, size=64).created


def test_two_processes_may_make_the_same_set(tmp_path, monkeypatch):
    write = procedural._write_set

    def overtaken(folder, settings, progress):
        write(folder, settings, progress)
        write(tmp_path / "set", settings, None)

    monkeypatch.setattr(procedural, "_write_set", overtaken)
    assert not make_dataset(tmp_path / "set", train=1, val=1, size=64).created
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": -1}, "train must be a whole number"),
        ({"val": 2.5}, "val must be a whole number"),
        ({"train": True}, "train must be a whole number"),
        ({"size": 32}, "size must be a whole number from 64"),
        ({"scale": 0.0}, "scale must be a number from 0.1"),
        ({"scale": "big"}, "scale must be a number"),
        ({"density": 9}, "density must be a number from 0.1 to 5"),
        ({"seed": -1}, "seed must be"),
        ({"train": 0, "val": 0}, "no image"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        make_dataset(tmp_path / "set", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_record_says_how_it_was_made(sample):
    record = json.loads((sample.root / "smallobjects.json").read_text())
    assert record["settings"] == {
        "edition": procedural.EDITION, "train": 6, "val": 10, "size": SIZE, "scale": 0.5, "density": 1.0, "seed": 0,
    }  # fmt: skip
