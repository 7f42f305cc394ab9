# SPDX-License-Identifier: AGPL-3.0-or-later
"""COCO downloads become datasets; incomplete and broken ones don't."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from ultralytics.data.utils import check_det_dataset

from tests.data.convert.downloads import coco_split, pack
from yolo_fine.cli import main
from yolo_fine.data.convert import coco as coco_convert
from yolo_fine.data.convert.coco import convert_coco
from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.evaluation.sources import from_dataset


@pytest.fixture
def source(tmp_path):
    coco_split(tmp_path / "coco", "train2017", images=4, seed=1)
    coco_split(tmp_path / "coco", "val2017", images=3, seed=2)
    return tmp_path / "coco"


def contents(root):
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def change(source, **keys):
    file = source / "annotations" / "instances_val2017.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))
    return json.loads(file.read_text())


def test_labels_are_those_of_the_stock_converter(source, tmp_path):
    from ultralytics.data.converter import convert_coco as stock

    ours = convert_coco(source, tmp_path / "ours").root
    stock(str(source / "annotations"), str(tmp_path / "stock"), cls91to80=True)
    # Ours numbers the file's own three categories without gaps, stock the 80 of COCO: 1, 13, 90 -> 0, 11, 79.
    numbers = {"0": "0", "1": "11", "2": "79"}
    for split in ("train2017", "val2017"):
        for file in (ours / "labels" / split).iterdir():
            rows = [line.split() for line in file.read_text().splitlines()]
            theirs = tmp_path / "stock" / "labels" / split / file.name
            expected = theirs.read_text().splitlines() if theirs.exists() else []
            assert len(rows) == len(expected)
            for row, line in zip(rows, expected, strict=True):
                if max(map(float, line.split()[1:])) <= 1.01:
                    assert " ".join([numbers[row[0]], *row[1:]]) == line
                else:  # a box far beyond the edge, for which Ultralytics would drop the image
                    assert max(map(float, row[1:])) <= 1
    assert len(list((tmp_path / "stock" / "labels").rglob("*.txt"))) == 5, "stock wrote labels to compare with"


def test_layout_and_counts(source, tmp_path, capsys):
    result = convert_coco(source, tmp_path / "out", tmp_path / "result.json")
    root = result.root
    assert result.classes == ("person", "stop sign", "toothbrush")
    assert [split.name for split in result.splits.values()] == ["train2017", "val2017"]
    train = result.splits["train"]
    assert (train.images, train.annotations, train.labels) == (4, 15, 12)
    assert (train.crowd, train.zero_size, train.repeated) == (1, 1, 1)
    original = (source / "annotations" / "instances_val2017.json").read_bytes()
    assert (root / "annotations" / "instances_val2017.json").read_bytes() == original
    assert contents(root / "images" / "val2017") == contents(source / "val2017")
    assert len(contents(root / "labels" / "train2017")) == 4, "an image without objects has an empty label file"
    assert json.loads((tmp_path / "result.json").read_text())["splits"]["val"]["labels"] == 8
    assert str(result.yaml) in result.summary()
    assert capsys.readouterr().out == ""


def test_the_yaml_works_wherever_the_folder_lies(source, tmp_path, monkeypatch):
    from ultralytics import YOLO

    root = convert_coco(source, tmp_path / "out").root
    moved = tmp_path / "elsewhere" / "coco"
    shutil.move(root, moved)
    monkeypatch.chdir(moved.parent)
    found = check_det_dataset("coco/coco.yaml", autodownload=False)
    assert Path(found["val"]) == moved / "val2017.txt"
    assert found["names"] == {0: "person", 1: "stop sign", 2: "toothbrush"}
    arguments = {"imgsz": 64, "batch": 2, "workers": 0, "plots": False, "verbose": False, "save_json": False}
    assert YOLO("yolov8n.yaml").val(data="coco/coco.yaml", **arguments).nt_per_class.sum() == 8


def test_archives_give_the_same_as_folders(source, tmp_path):
    folders = convert_coco(source, tmp_path / "folders").root
    packed = tmp_path / "packed"
    packed.mkdir()
    pack(source / "annotations", packed / "annotations_trainval2017.zip", "annotations/")
    for split in ("train2017", "val2017"):
        pack(source / split, packed / f"{split}.zip", f"{split}/")
    assert contents(convert_coco(packed, tmp_path / "unpacked").root) == contents(folders)


def test_a_plain_instances_file_is_a_val_split(tmp_path):
    source = tmp_path / "two"
    coco_split(source, "val", folder=source / "images")
    shutil.move(source / "annotations" / "instances_val.json", source / "instances.json")
    result = convert_coco(source)
    assert list(result.splits) == ["val"]
    assert (result.root / "annotations" / "instances_val.json").is_file()
    assert yaml.safe_load(result.yaml.read_text())["val"] == "val.txt"


def test_a_split_without_images_is_left_out_and_said(source, tmp_path):
    shutil.rmtree(source / "train2017")
    result = convert_coco(source, tmp_path / "out")
    assert list(result.splits) == ["val"]
    assert result.left_out == ("train2017",)
    assert "train2017: no images found, left out" in result.summary()
    shutil.rmtree(source / "val2017")
    with pytest.raises(DataError, match="has no images of train2017, val2017"):
        convert_coco(source, tmp_path / "other")


def test_images_in_folders_below(tmp_path):
    source = tmp_path / "coco"
    content = coco_split(source, "val2017")
    for image in content["images"]:
        (source / "val2017" / "images").mkdir(exist_ok=True)
        shutil.move(source / "val2017" / image["file_name"], source / "val2017" / "images" / image["file_name"])
        image["file_name"] = f"images/{image['file_name']}"
    change(source, images=content["images"])
    result = convert_coco(source, tmp_path / "out")
    from yolo_fine.formats.yolo_layout import check_labels

    assert check_labels(str(result.yaml), splits=["val"]) == {"val": 2}


def test_a_second_run_finds_the_first(source, tmp_path):
    first = convert_coco(source, tmp_path / "out")
    second = convert_coco(source, tmp_path / "out")
    assert (second.created, second.splits) == (False, first.splits)
    assert "already there, nothing to do" in second.summary()
    next((first.root / "images" / "val2017").iterdir()).unlink()
    with pytest.raises(DataError, match=r"out holds 19 files instead of 20; delete it and convert again"):
        convert_coco(source, tmp_path / "out")
    change(source, info="another edition")
    with pytest.raises(DataError, match="holds another conversion"):
        convert_coco(source, tmp_path / "out")


def test_an_interrupted_run_leaves_nothing(source, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(coco_convert, "dataset_yaml", stopped)
    with pytest.raises(KeyboardInterrupt):
        convert_coco(source, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["coco"]


def test_boxes_of_another_form_are_told(source, tmp_path):
    content = json.loads((source / "annotations" / "instances_val2017.json").read_text())
    for one in content["annotations"]:
        one["bbox"] = [0.2, 0.3, 0.1, 0.2]
    change(source, annotations=content["annotations"])
    result = convert_coco(source, tmp_path / "out")
    said = "val: the boxes look like shares of the image, and were read as left, top, width, height in pixels"
    assert said in result.summary()
    assert said in convert_coco(source, tmp_path / "out").summary()  # also when nothing is left to do
    assert "train: the boxes" not in result.summary()


def test_a_foreign_folder_is_left_alone(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and is no such conversion"):
        convert_coco(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("key", "changed", "told"),
    [
        ("annotations", {"bbox": [1, 2, 3]}, "annotations[0]: 'bbox' must be four numbers"),
        ("annotations", {"bbox": [1, 2, float("nan"), 4]}, "annotations[0]: 'bbox' must be finite"),
        ("annotations", {"image_id": 5}, "annotations[0]: image_id 5 is not among the 3 images"),
        ("annotations", {"category_id": 7}, "annotations[0]: category_id 7 is not among the categories"),
        ("images", {"width": 0}, "images[0]: an image of 0x54 pixels"),
        ("images", {"height": None}, "images[0]: 'height' must be a whole number"),
        ("images", {"id": 2001}, "'id' 2001 is taken by images[0]"),
        ("images", {"file_name": "000002000001.jpg"}, "'file_name' '000002000001.jpg' is taken by images[0]"),
        ("images", {"file_name": "../000002000001.jpg"}, "lies outside of the image folder"),
        (
            "images",
            {"file_name": "clip.gif"},
            "clip.gif is no image to Ultralytics, which goes by the suffix; convert it",
        ),
        ("images", {"file_name": "gone.jpg"}, "lacks 1 of the 3 images"),
        ("categories", {"id": 13}, "'id' 13 is taken by categories[0]"),
        ("categories", {"name": "crate"}, "has other categories than instances_train2017.json"),
    ],
)
def test_a_broken_entry_is_named(source, tmp_path, key, changed, told):
    entries = json.loads((source / "annotations" / "instances_val2017.json").read_text())[key]
    entries[0] |= changed
    change(source, **{key: entries})
    with pytest.raises(DataError) as caught:
        convert_coco(source, tmp_path / "out")
    assert told in str(caught.value)
    assert "instances_val2017.json" in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"images": []}', b"\xff\xfe"])
def test_a_file_that_is_no_instances_file_is_named(source, content):
    (source / "annotations" / "instances_val2017.json").write_bytes(content)
    with pytest.raises(DataError, match=r"instances_val2017.json (is|has|holds|can't)"):
        convert_coco(source)


def test_places_without_instances(tmp_path):
    with pytest.raises(MissingFileError, match="no such folder"):
        convert_coco(tmp_path / "nowhere")
    with pytest.raises(DataError, match="has no instances file"):
        convert_coco(tmp_path)
    coco_split(tmp_path, "mini")
    with pytest.raises(DataError, match="its name doesn't say which split it is"):
        convert_coco(tmp_path)


def exported(source, file, images, prefix="", name="val"):
    """An export of another tool: a COCO file, and its images, somewhere below ``source``."""
    source = source.parent / f"{source.name}-made"
    target = source.parent / source.name.removesuffix("-made")
    content = coco_split(source, name, seed=sum(map(ord, name)))
    for entry in content["images"]:
        (target / images).mkdir(parents=True, exist_ok=True)
        shutil.move(source / name / entry["file_name"], target / images / entry["file_name"])
        entry["file_name"] = prefix + entry["file_name"]
    (target / file).parent.mkdir(parents=True, exist_ok=True)
    (target / file).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("file", "images", "prefix"),
    [
        ("labels.json", "data", ""),
        ("result.json", "images", "images/"),
        ("result.json", "images", "images\\"),
        ("annotations/instances_default.json", "images/default", ""),
        ("annotations/instances_default.json", "images", ""),
        ("_annotations.coco.json", ".", ""),
    ],
)
def test_exports_of_other_tools_are_a_val_split(tmp_path, file, images, prefix):
    exported(tmp_path / "export", file, images, prefix)
    result = convert_coco(tmp_path / "export", tmp_path / "out")
    assert (list(result.splits), result.splits["val"].images) == (["val"], 3)
    assert len(list((result.root / "images" / "val").glob("*.jpg"))) == 3
    assert len(list((result.root / "labels" / "val").glob("*.txt"))) == 3
    truth = from_dataset(result.yaml, "val")
    assert (truth.kind, len(truth.truth)) == ("coco", result.splits["val"].annotations)


def test_the_splits_of_roboflow(tmp_path):
    for name, folder in (("train", "train"), ("val", "valid"), ("test", "test")):
        exported(tmp_path / "export", f"{folder}/_annotations.coco.json", folder, name=name)
    result = convert_coco(tmp_path / "export", tmp_path / "out")
    assert list(result.splits) == ["train", "val", "test"]
    assert yaml.safe_load(result.yaml.read_text())["val"] == "val.txt"
    shutil.copytree(tmp_path / "export" / "valid", tmp_path / "export" / "val")
    with pytest.raises(DataError, match=r"two val splits: .*valid._annotations.coco.json and .*val._annotations"):
        convert_coco(tmp_path / "export", tmp_path / "other")


def test_what_is_named_as_coco_names_it_goes_before_an_export(source, tmp_path):
    shutil.move(source / "val2017", source / "images" / "val2017")
    (source / "result.json").write_text("[]")
    assert list(convert_coco(source, tmp_path / "out").splits) == ["train", "val"]


def test_two_editions_of_a_split_are_refused(source):
    coco_split(source, "val2014", seed=3)
    with pytest.raises(DataError, match=r"two val splits: .*instances_val2014.json and .*instances_val2017.json"):
        convert_coco(source)


def test_the_command(source, tmp_path, capsys):
    assert main(["data", "coco", f"source={source}", f"out={tmp_path / 'out'}"]) == 0
    assert main(["data", "coco", f"source={tmp_path / 'nowhere'}"]) == 2
    assert "no such folder" in capsys.readouterr().err
