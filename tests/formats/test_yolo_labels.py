# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import random

import numpy as np
import pytest
import yaml
from PIL import Image

from yolo_fine.errors import DataError
from yolo_fine.formats.yolo_labels import read_split


class Dataset:
    """A dataset folder that a test fills."""

    def __init__(self, root):
        self.root = root
        self.yaml = root / "data.yaml"
        self.write_yaml(train="images", val="images", names=["car", "bus", "van"])

    def write_yaml(self, **content):
        self.yaml.write_text(yaml.safe_dump(content))

    def add(self, name, labels=None, size=(200, 100), orientation=None):
        image = self.root / "images" / name
        image.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        if orientation is not None:
            exif[274] = orientation
        Image.new("RGB", size).save(image, exif=exif)
        if labels is not None:
            file = (self.root / "labels" / name).with_suffix(".txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(labels.encode())
        return image

    def read(self, split="val"):
        return read_split(str(self.yaml), split)


@pytest.fixture
def dataset(tmp_path):
    return Dataset(tmp_path)


def stock_labels(dataset):
    """What Ultralytics' own dataset reads: image -> (width, height), sorted rows of class and box in pixels."""
    from ultralytics.data import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(dataset.yaml))
    stock = YOLODataset(img_path=data["val"], data=data, task="detect", augment=False, imgsz=64, cache=False)
    read = {}
    for label in stock.labels:
        height, width = label["shape"]
        centre, side = label["bboxes"][:, :2] * [width, height], label["bboxes"][:, 2:] * [width, height]
        read[label["im_file"]] = (width, height), np.column_stack([label["cls"], centre - side / 2, side])
    return read


def check_against_stock(dataset):
    truth = dataset.read()
    stock = stock_labels(dataset)
    assert [str(file) for file in truth.files] == list(stock)
    for i, (size, rows) in enumerate(stock.values()):
        here = truth.image == i
        ours = np.column_stack([truth.category[here], truth.boxes[here]])
        assert tuple(truth.sizes[i]) == size
        assert ours.shape == rows.shape
        order = np.lexsort(rows.round(1).T), np.lexsort(ours.round(1).T)
        assert np.allclose(ours[order[1]], rows[order[0]], atol=1e-3)
    return truth


def test_labels(dataset):
    dataset.add("b.jpg", "1 0.5 0.5 0.25 0.5\r\n\r\n0 0.1 0.1 0.1 0.1\r\n")
    dataset.add("a.png", None)
    dataset.add("sub/c.jpg", "", size=(64, 32))
    truth = dataset.read()
    assert truth.names == ("a", "b", "sub/c")
    assert truth.sizes.tolist() == [[200, 100], [200, 100], [64, 32]]
    assert truth.classes == {0: "car", 1: "bus", 2: "van"}
    assert truth.image.tolist() == [1, 1]
    assert np.allclose(truth.boxes, [[75, 25, 50, 50], [10, 5, 20, 10]])
    assert truth.category.tolist() == [1, 0]
    assert np.allclose(truth.area, [2500, 200])
    assert not truth.crowd.any()
    assert [file.name for file in truth.files] == ["a.png", "b.jpg", "c.jpg"]


def test_as_ultralytics_reads(dataset):
    rng = np.random.default_rng(0)
    for i in range(12):
        kind = i % 4
        lines = []
        for _ in range(rng.integers(0, 8) if kind else 5):
            points = rng.random(4) / 2 if kind < 2 else rng.random(2 * rng.integers(3, 8))
            lines.append(" ".join(f"{value:.6f}" for value in points))
            lines[-1] = f"{rng.integers(0, 3)} {lines[-1]}"
        lines += lines[:2]  # twice
        dataset.add(f"{'xyz'[i % 3]}/{i}.jpg", "\n".join(lines) if kind != 3 else None, size=(50 + i, 80 - i))
    dataset.add("bom.png", "\ufeff2 0.5 0.5 0.1 0.1")
    dataset.add("tolerance.png", "2 1.005 -0.005 0.1 0.1")
    dataset.add(".hidden/p.png", "2 0.5 0.5 0.1 0.1")
    truth = check_against_stock(dataset)
    assert len(truth) > 20
    assert "bom" in truth.names
    assert not any("hidden" in name for name in truth.names)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_orientation(dataset, orientation):
    dataset.add("turned.jpg", "0 0.5 0.5 0.25 0.5", size=(200, 100), orientation=orientation)
    truth = check_against_stock(dataset)
    assert truth.sizes.tolist() == [[100, 200] if orientation in (6, 8) else [200, 100]]


def test_text_file_lists_images(dataset):
    dataset.add("a.jpg", "0 0.5 0.5 0.1 0.1")
    b = dataset.add("b.jpg", "1 0.5 0.5 0.1 0.1")
    dataset.add("c.jpg", "2 0.5 0.5 0.1 0.1")
    (dataset.root / "val.txt").write_text(f"{b}\n./images/a.jpg\n\n")
    dataset.write_yaml(train="images", val="val.txt", names=["car", "bus", "van"])
    truth = check_against_stock(dataset)
    assert truth.names == ("a", "b")


def test_several_folders_and_splits(dataset):
    dataset.add("one/a.jpg", "0 0.5 0.5 0.1 0.1")
    dataset.add("two/a.jpg", "1 0.5 0.5 0.1 0.1")
    dataset.write_yaml(train="images/one", val=["images/two", "images/one"], names={0: "car", 1: "bus"})
    truth = check_against_stock(dataset)
    assert truth.names == ("one/a", "two/a")
    assert dataset.read("train").names == ("a",)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("0 0.5 0.5 0.1", "line 1: 4 numbers"),
        ("\n0 0.5 0.5 0.1 0.1 0.9", "line 2: 6 numbers.*confidence"),
        ("0 0.5 0.5 0.1 0.1\n0 0 0 0 1 1 1 1 0", "line 2: boxes and polygons in one file .*line 1"),
        ("0 0.5 0.5 0.1 x", "line 1: 'x' is not a number"),
        ("0 0.5 0.5 nan 0.1", "line 1: 'nan' is not a number"),
        ("0 0.5 0.5 0.1 1e999", "line 1: '1e999' is not a number"),
        ("3 0.5 0.5 0.1 0.1", "line 1: class 3 is not in the dataset's names, which are 0 to 2"),
        ("-1 0.5 0.5 0.1 0.1", "line 1: class -1"),
        ("0.5 0.5 0.5 0.1 0.1", "line 1: class 0.5"),
        ("0 320 240 10 10", "line 1: 320 for the centre is not a share"),
        ("0 0.5 0.5 -0.005 0.1", "line 1: -0.005 for width or height"),
        ("0 0.5 -0.02 0.1 0.1", "line 1: -0.02 for the centre"),
    ],
)
def test_wrong_labels(dataset, labels, message):
    dataset.add("good.jpg", "0 0.5 0.5 0.1 0.1")
    dataset.add("wrong.jpg", labels)
    with pytest.raises(DataError, match=f"wrong.txt, {message}"):
        dataset.read()


def test_wrong_images_and_yaml(dataset):
    with pytest.raises(DataError, match=r"data\.yaml"):
        dataset.read()  # no image folder
    image = dataset.add("a.jpg", "0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match="names no 'vall' images; did you mean val"):
        dataset.read("vall")
    (dataset.root / "empty").mkdir()
    dataset.write_yaml(train="images", val="empty", names=["car"])
    with pytest.raises(DataError, match="no images found for 'val'"):
        dataset.read()
    dataset.write_yaml(train="images", val="images", names=["car", "car"])
    with pytest.raises(DataError, match="two classes are named 'car'"):
        dataset.read()
    dataset.write_yaml(train="images", val=["images", "images"], names=["car"])
    with pytest.raises(DataError, match=r"lists .*a\.jpg twice"):
        dataset.read()
    dataset.write_yaml(train="images", val="images", names=["car"])
    image.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.jpg is no readable image"):
        dataset.read()
    (dataset.root / "labels" / "a.txt").write_bytes(b"\xff\xfe0")
    Image.new("RGB", (10, 10)).save(image)
    with pytest.raises(DataError, match=r"a\.txt can't be read"):
        dataset.read()


def test_two_images_of_one_name(dataset):
    dataset.add("a.jpg", "0 0.5 0.5 0.1 0.1")
    dataset.add("a.png")
    with pytest.raises(DataError, match=r"a\.jpg and .*a\.png differ in nothing but their suffixes"):
        dataset.read()


def test_mutated_labels_are_read_right_or_refused(dataset):
    rng = random.Random(0)
    whole = "0 0.5 0.5 0.1 0.1\n1 0.25 0.75 0.5 0.25\n2 0.1 0.9 0.05 0.05\n"
    dataset.add("a.jpg", whole)
    file = dataset.root / "labels" / "a.txt"
    refused = 0
    for _ in range(400):
        text = list(whole)
        for _ in range(rng.randint(1, 3)):
            text[rng.randrange(len(text))] = rng.choice("0123456789.-+e \n\tx\r\0")
        if rng.random() < 0.2:
            text = text[: rng.randrange(len(text))]
        file.write_bytes("".join(text).encode())
        try:
            truth = dataset.read()
        except DataError:
            refused += 1
            continue
        rows = [list(map(float, line.split())) for line in "".join(text).splitlines() if line.split()]
        kept = {tuple(np.float32(row).tolist()) for row in rows}
        assert len(truth) == len(kept)
        if all(len(row) == 5 for row in rows):
            centres = truth.boxes[:, :2] + truth.boxes[:, 2:] / 2
            expected = sorted([200 * x, 100 * y] for _, x, y, _, _ in kept)
            assert np.allclose(np.reshape(sorted(centres.tolist()), (-1, 2)), np.reshape(expected, (-1, 2)), atol=1e-3)
        assert (np.abs(truth.boxes) <= 1.01 * 200 * 1.5).all()
    assert 100 < refused < 390
