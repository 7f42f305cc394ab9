# SPDX-License-Identifier: AGPL-3.0-or-later
"""Images and label files of a dataset YAML are those that stock Ultralytics finds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from ultralytics.data.base import BaseDataset
from ultralytics.data.utils import check_det_dataset, img2label_paths

from yolo_fine.data.check.check import check_dataset
from yolo_fine.errors import DataError
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.formats.yolo_layout import check_labels, label_file, list_images, open_dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two flights whose folders are linked into ``images/val``, with what a Mac leaves beside."""
    for flight in ("one", "two"):
        for kind in ("images", "labels"):
            (tmp_path / "flights" / kind / flight).mkdir(parents=True)
            (tmp_path / kind / "val").mkdir(parents=True, exist_ok=True)
            os.symlink(tmp_path / "flights" / kind / flight, tmp_path / kind / "val" / flight)
        for number in range(2):
            Image.new("RGB", (40, 30)).save(tmp_path / "flights" / "images" / flight / f"{number}.jpg")
            (tmp_path / "flights" / "labels" / flight / f"{number}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        (tmp_path / "flights" / "images" / flight / "._0.jpg").write_bytes(b"\0\5\26\7Mac OS X")
    (tmp_path / "flights" / "images" / "two" / "notes.txt").write_text("windy")
    (tmp_path / "flights" / "images" / "two" / "no suffix").write_text("")
    write_yaml(tmp_path, "images/val")
    return tmp_path


def write_yaml(root: Path, val: str, names: str = "[raft]") -> None:
    (root / "data.yaml").write_text(f"path: {root}\ntrain: images/val\nval: {val}\nnames: {names}\n")


def stock_images(root: Path) -> list[str]:
    from types import SimpleNamespace

    places = check_det_dataset(str(root / "data.yaml"), autodownload=False)["val"]
    return BaseDataset.get_img_files(SimpleNamespace(prefix="", fraction=1.0), places)


def our_images(root: Path) -> list[str]:
    return [str(image) for image in open_dataset(root / "data.yaml").split("val").images]


def test_linked_folders_and_hidden_files(root):
    assert our_images(root) == stock_images(root)
    assert [Path(image).name for image in our_images(root)] == ["0.jpg", "1.jpg"] * 2
    assert read_split(root / "data.yaml").image.tolist() == [0, 1, 2, 3]
    assert check_labels(root / "data.yaml") == {"train": 4, "val": 4}
    check = check_dataset(root / "data.yaml")
    assert check.splits["val"].objects == 4
    assert not [finding.what for finding in check.findings if "without an image" in finding.what]


def test_order_is_that_of_paths(root):
    for name in ("a-b/c.jpg", "a/d.jpg", "a.b/e.JPG"):
        (root / "images" / "more" / name).parent.mkdir(parents=True)
        Image.new("RGB", (40, 30)).save(root / "images" / "more" / name)
    write_yaml(root, "images/more")
    assert our_images(root) == stock_images(root)
    assert [Path(image).name for image in our_images(root)] == ["c.jpg", "e.JPG", "d.jpg"]


@pytest.mark.parametrize("name", ["set [1]", "größe", "a b"])
def test_odd_folder_names(root, name):
    (root / "images" / name).mkdir()
    Image.new("RGB", (40, 30)).save(root / "images" / name / "x.png")
    write_yaml(root, f'"images/{name}"')
    assert [Path(image).name for image in our_images(root)] == ["x.png"]


LISTS = {
    "lines": ("./images/val/one/0.jpg\n./images/val/one/1.jpg\n", 2, None),
    "CRLF": ("./images/val/one/0.jpg\r\n./images/val/one/1.jpg\r\n", 2, None),
    "blank lines": ("\n  ./images/val/one/0.jpg\n\n\n./images/val/one/1.jpg\n\n", 2, None),
    "blanks": (
        "./images/val/one/0.jpg \n./images/val/one/1.jpg \n./images/val/two/1.jpg\n",
        1,
        "2 of 3 lines: blanks",
    ),
    "labels behind": ("./images/val/one/0.jpg\n./images/val/one/1.jpg 1,1,5,5,0\n", 1, "1 of 2 lines: no suffix"),
    "a text file": ("./images/val/one/0.jpg\nreadme.txt\n", 1, "1 of 2 lines: no suffix"),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTS)
def test_lists(root, case):
    content, count, note = LISTS[case]
    (root / "list.txt").write_bytes(content.encode())
    write_yaml(root, "list.txt")
    assert our_images(root) == stock_images(root)
    truth = read_split(root / "data.yaml")
    assert len(truth.names) == count
    findings = [finding for finding in check_dataset(root / "data.yaml").findings if "drops" in finding.what]
    if note is None:
        assert truth.notes == ()
        assert findings == []
    else:
        assert f"Ultralytics drops {note}" in truth.notes[0]
        assert findings[0].problem
        assert findings[0].what == f"val: {truth.notes[0]}"
        assert f"{root / 'list.txt'}, line " in findings[0].examples[0]


def test_a_list_with_a_byte_order_mark(root):
    (root / "list.txt").write_text("\ufeff./images/val/one/0.jpg\n./images/val/two/1.jpg\n", encoding="utf-8")
    write_yaml(root, "list.txt")
    assert len(read_split(root / "data.yaml").names) == 2
    assert not [
        finding for finding in check_dataset(root / "data.yaml").findings if finding.what.startswith("val: 1 unr")
    ]


def test_a_list_that_is_no_text(root):
    (root / "list.txt").write_bytes(b"\xff\xfe.\0")
    with pytest.raises(DataError, match=r"list\.txt can't be read"):
        list_images([str(root / "list.txt")])


def test_a_link_that_leads_nowhere_is_named(root):
    os.symlink(root / "gone.jpg", root / "images" / "val" / "one" / "link.jpg")
    with pytest.raises(
        DataError, match=r"link\.jpg is no readable image: it is a link to .*gone\.jpg, which does not exist"
    ):
        read_split(root / "data.yaml")
    examples = [example for finding in check_dataset(root / "data.yaml").findings for example in finding.examples]
    assert any("it is a link to" in example for example in examples)


def test_twins_are_named_with_both_files(root):
    Image.new("RGB", (40, 30)).save(root / "flights" / "images" / "one" / "0.png")
    with pytest.raises(DataError, match=r"one/0\.jpg and .*one/0\.png differ in nothing but their suffixes"):
        read_split(root / "data.yaml")
    whats = {finding.what: finding.examples for finding in check_dataset(root / "data.yaml").findings}
    assert whats["val: 1 label file of more than one image"] == (
        f"{root}/images/val/one/0.jpg and {root}/images/val/one/0.png",
    )


def test_two_classes_of_one_name_are_refused_everywhere(root):
    write_yaml(root, "images/val", "[raft, boat, raft]")
    for read in (read_split, check_dataset, check_labels):
        with pytest.raises(DataError, match="two classes are named 'raft'"):
            read(root / "data.yaml")


@pytest.mark.parametrize(
    "image",
    ["/data/images/val/a.b.jpg", "/images/images/a.jpg", "images/a.jpg", "/data/pictures/a.jpg", "/images.v2/a.jpg"],
)
def test_label_files(image):
    assert [str(label_file(Path(image)))] == img2label_paths([image])


def test_places_may_be_named_otherwise(root):
    (root / "data.yaml").write_text(
        f"path: {root}\ntrain: x\nval: images/val\nholdout: {root}/images/val\nnames: [raft]\n"
    )
    assert len(read_split(root / "data.yaml", "holdout").names) == 4
    with pytest.raises(DataError, match="names no 'holdut' images; did you mean holdout"):
        read_split(root / "data.yaml", "holdut")


def test_a_missing_yaml_names_the_nearest(root, monkeypatch):
    monkeypatch.chdir(root)
    with pytest.raises(DataError, match=r"did you mean data\.yaml"):
        open_dataset("datta.yaml")
    with pytest.raises(DataError, match=r"did you mean VisDrone\.yaml"):
        open_dataset("VisDron.yaml")
