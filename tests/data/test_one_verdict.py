# SPDX-License-Identifier: AGPL-3.0-or-later
"""An odd file is taken by converting and by evaluating, or refused by both with the same words; and what a conversion
writes is taken by everybody: evaluation, ``data check`` and stock Ultralytics."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ultralytics.data import YOLODataset
from ultralytics.data.utils import check_det_dataset, verify_image_label

from tests.data.convert.downloads import draw, pack
from tests.formats.test_coco_files import INSTANCES
from yolo_fine.data.check.check import check_dataset
from yolo_fine.data.convert.coco import convert_coco
from yolo_fine.data.convert.visdrone import convert_visdrone
from yolo_fine.errors import DataError
from yolo_fine.evaluation.sources import from_annotations, from_dataset
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.integration.versions import installed_version

newest = pytest.mark.skipif(installed_version() < (8, 4, 190), reason="older releases check labels in other ways")
WIDTH, HEIGHT = 160, 120
ROW = "10,10,30,20,1,4,0,0"


def refusal(function, *arguments) -> str | None:
    """The message with which a file is refused, None if it is taken."""
    try:
        function(*arguments)
    except DataError as error:
        return str(error)
    return None


# --- VisDrone -------------------------------------------------------------------------------------


def visdrone_download(folder: Path, content: bytes) -> Path:
    split = folder / "VisDrone2019-DET-val"
    for name in ("a", "b"):
        draw(split / "images" / f"{name}.jpg", WIDTH, HEIGHT, ord(name))
    (split / "annotations").mkdir()
    (split / "annotations" / "a.txt").write_bytes(content)
    (split / "annotations" / "b.txt").write_text(ROW)
    return split


TAKEN_ROWS = {
    "plain": ROW,
    "empty": "",
    "mark": f"\ufeff{ROW}\r\n",
    "comma at the end": f"{ROW},\r\n",
    "old Mac": f"{ROW}\r{ROW}\r",
    "blanks": f" {ROW.replace(',', ' , ')} \n\n   \n",
    "whole floats": "10.0,10.,3e1,20,1.0,4.0,0,0",
    "fractions": "10.5,10.25,30,20,1,4,0,0",
    "score 0": "10,10,30,20,0,4,0,0",
    "no width": "10,10,0,20,1,4,0,0",
    "ignored and others": "0,0,9,9,1,0,0,0\n3,3,9,9,1,11,0,0",
    "beyond the edge": "150,110,30,30,1,4,0,0",
    "far beyond the edge": "-900,-800,30,30,1,4,0,0",
}
REFUSED_ROWS = {
    "seven": "10,10,30,20,1,4,0",
    "nine": f"{ROW},7",
    "header": f"x,y,w,h,score,category,truncation,occlusion\n{ROW}",
    "semicolons": ROW.replace(",", ";"),
    "blanks between": ROW.replace(",", " "),
    "nan": ROW.replace("10,10", "nan,10"),
    "infinite": ROW.replace("10,10", "1e999,10"),
    "giant": ROW.replace("10,10", f"{'9' * 5000},10"),
    "negative": ROW.replace("30", "-30"),
    "category": "10,10,30,20,1,12,0,0",
    "half a category": "10,10,30,20,1,4.5,0,0",
    "score": "10,10,30,20,0.9,4,0,0",
    "fraction of a region": "10.5,10,30,20,0,0,0,0",
    "YOLO labels": "3 0.5 0.5 0.1 0.1",
}


@pytest.mark.parametrize("case", [*TAKEN_ROWS, *REFUSED_ROWS])
def test_visdrone_rows(tmp_path, case):
    content = {**TAKEN_ROWS, **REFUSED_ROWS}[case].encode()
    split = visdrone_download(tmp_path, content)
    converting = refusal(convert_visdrone, split, tmp_path / "out")
    assert converting == refusal(from_annotations, split / "annotations")
    assert (converting is None) == (case in TAKEN_ROWS)
    if converting is None:
        assert_taken_by_all(tmp_path / "out" / "visdrone.yaml", images=2)
    else:
        assert f"{split / 'annotations' / 'a.txt'}, line 1: " in converting


def test_random_boxes_of_visdrone(tmp_path):
    random = np.random.default_rng(0)
    boxes = np.column_stack([random.integers(-200, 400, (300, 2)), random.integers(0, 300, (300, 2))])
    rows = [f"{x},{y},{w},{h},1,{1 + i % 10},0,0" for i, (x, y, w, h) in enumerate(boxes)]
    split = visdrone_download(tmp_path, "\n".join(rows).encode())
    result = convert_visdrone(split, tmp_path / "out")
    assert result.splits["val"].counts.cut > 50
    assert_taken_by_all(result.yaml, images=2)


# --- COCO -----------------------------------------------------------------------------------------


def coco_download(folder: Path, content: bytes) -> Path:
    source = folder / "coco"
    (source / "annotations").mkdir(parents=True)
    (source / "annotations" / "instances_val.json").write_bytes(content)
    for number, image in enumerate(INSTANCES["images"]):
        draw(source / "val" / image["file_name"], image["width"], image["height"], number)
    return source


def changed(table: str, entry: int, **values) -> dict:
    content = copy.deepcopy(INSTANCES)
    content[table][entry].update(values)
    return content


def with_text_ids() -> dict:
    content = copy.deepcopy(INSTANCES)
    for image in content["images"]:
        image["id"] = f"f{image['id']}"
    for annotation in content["annotations"]:
        annotation["image_id"] = f"f{annotation['image_id']}"
    return content


TAKEN_JSON = {
    "plain": INSTANCES,
    "text ids": with_text_ids(),
    "whole floats": changed("images", 0, width=640.0, id=7.0),
    "no width": changed("annotations", 0, bbox=[1, 2, 0, 40]),
    "far beyond the edge": changed("annotations", 0, bbox=[9000, 2, 30, 40]),
    "a polygon": changed("annotations", 0, segmentation=[[1, 2, 3, 4, 5, 6]]),
    "run lengths": changed("annotations", 0, segmentation={"counts": [3, 4], "size": [5, 6]}),
}
REFUSED_JSON = {
    "negative width": changed("annotations", 0, bbox=[1, 2, -30, 40]),
    "text in a box": changed("annotations", 0, bbox=["1", 2, 30, 40]),
    "no box": changed("annotations", 0, bbox=[]),
    "nan": changed("annotations", 0, bbox=[1, 2, float("nan"), 40]),
    "giant": changed("annotations", 0, bbox=[1, 2, 10**400, 40]),
    "lost image": changed("annotations", 0, image_id=5),
    "lost category": changed("annotations", 0, category_id=90),
    "two of one name": changed("categories", 0, name="bus"),
    "two of one number": changed("categories", 0, id=5),
    "one image twice": changed("images", 0, id=3),
    "twins": changed("images", 0, file_name="first.jpg"),
    "no size": changed("images", 0, width=0),
    "numbers and texts": changed("images", 0, id="seven"),
    "a list": [],
    "no annotations": {"images": [], "categories": []},
}


@pytest.mark.parametrize("case", [*TAKEN_JSON, *REFUSED_JSON])
def test_coco_instances(tmp_path, case):
    content = json.dumps({**TAKEN_JSON, **REFUSED_JSON}[case]).encode()
    source = coco_download(tmp_path, content)
    converting = refusal(convert_coco, source, tmp_path / "out")
    assert converting == refusal(from_annotations, source / "annotations" / "instances_val.json")
    assert (converting is None) == (case in TAKEN_JSON)
    if converting is None:
        assert_taken_by_all(tmp_path / "out" / "coco.yaml", images=3)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1,", b"\xff\xfe", b"nothing", b'{"images": []} []', b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_no_json(tmp_path, content):
    source = coco_download(tmp_path, content)
    converting = refusal(convert_coco, source, tmp_path / "out")
    assert converting is not None
    assert converting == refusal(from_annotations, source / "annotations" / "instances_val.json")


def test_a_mark_before_json_and_archives(tmp_path):
    source = coco_download(tmp_path, b"\xef\xbb\xbf" + json.dumps(INSTANCES).encode())
    pack(source / "annotations", source / "annotations.zip", "annotations/")
    (source / "annotations" / "instances_val.json").unlink()
    assert_taken_by_all(convert_coco(source, tmp_path / "out").yaml, images=3)


# --- YOLO labels ------------------------------------------------------------------------------------

LABELS = {
    "plain": "0 0.5 0.5 0.1 0.1\n1 .2 .2 .05 5e-2\n",
    "mark": "\ufeff0 0.5 0.5 0.1 0.1\r\n",
    "tabs": "0\t0.5\t0.5\t0.1\t0.1",
    "whole float": "1.0 0.5 0.5 0.1 0.1",
    "blank lines": "\n\n0 0.5 0.5 0.1 0.1\n   \n1 0.5 0.5 0.1 0.1",
    "polygons": "1 0.1 0.1 0.3 0.1 0.3 0.4\n0 0.5 0.5 0.7 0.6 0.6 0.8 0.4 0.7",
    "a polygon beyond the edge": "1 -0.2 0.1 0.3 0.1 0.3 0.4",
    "a little beyond": "0 1.005 -0.005 0.1 0.1",
    "repeated": "0 0.5 0.5 0.1 0.1\n" * 3,
    "pose": "0 0.5 0.5 0.1 0.1 0.4 0.4 0.6 0.6",
    "pose and box": "0 0.5 0.5 0.1 0.1 0.4 0.4 0.6 0.6\n0 0.3 0.3 0.1 0.1",
    "centre": "0 1.02 0.5 0.1 0.1",
    "negative": "0 -0.02 0.5 0.1 0.1",
    "negative side": "0 0.5 0.5 -0.005 0.1",
    "class": "2 0.5 0.5 0.1 0.1",
    "negative class": "-1 0.5 0.5 0.1 0.1",
    "half a class": "0.5 0.5 0.5 0.1 0.1",
    "confidence": "0 0.5 0.5 0.1 0.1 0.9",
    "four": "0 0.5 0.5 0.1",
    "an even number": "0 0.5 0.5 0.1 0.1 0.2 0.3 0.4",
    "commas": "0,0.5,0.5,0.1,0.1",
    "nan": "0 nan 0.5 0.1 0.1",
    "mixed": "0 0.5 0.5 0.1 0.1\n1 0.1 0.1 0.3 0.1 0.3 0.4",
    "UTF-16": "0 0.5 0.5 0.1 0.1".encode("utf-16"),
}


@newest
@pytest.mark.parametrize("case", LABELS)
def test_yolo_labels(tmp_path, case):
    """Refused is what stock Ultralytics leaves out the image for."""
    content = LABELS[case]
    image, label = tmp_path / "images" / "a.png", tmp_path / "labels" / "a.txt"
    draw(image, WIDTH, HEIGHT, 0)
    label.parent.mkdir()
    label.write_bytes(content if isinstance(content, bytes) else content.encode())
    pose = "kpt_shape: [2, 2]\n" if case.startswith("pose") else ""
    (tmp_path / "data.yaml").write_text(f"path: {tmp_path}\ntrain: images\nval: images\nnames: [x, y]\n{pose}")
    evaluating = refusal(read_split, tmp_path / "data.yaml")
    problems = [example for finding in check_dataset(tmp_path / "data.yaml").findings if "broken" in finding.what
                for example in finding.examples]  # fmt: skip
    assert problems[:1] == ([evaluating] if evaluating else [])
    points, numbers = (2, 2) if pose else (0, 0)
    stock = verify_image_label((str(image), str(label), "", False, 2, points, numbers, False))
    assert (evaluating is None) == (stock[0] is not None)
    if evaluating is None:
        truth = read_split(tmp_path / "data.yaml")
        centre = truth.boxes[:, :2] + truth.boxes[:, 2:] / 2
        shares = np.concatenate([centre, truth.boxes[:, 2:]], axis=1) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
        shares = np.column_stack([truth.category, shares])
        assert np.allclose(sorted(shares.tolist()), sorted(stock[1].tolist()), atol=1e-6)


# --- what conversions write -------------------------------------------------------------------------


def assert_taken_by_all(yaml: Path, images: int) -> None:
    """Evaluation takes a converted set, ``data check`` finds no fault in it, and stock keeps all images."""
    labels = read_split(yaml)
    assert len(labels.names) == images
    assert len(from_dataset(str(yaml), "val").truth.names) == images
    check = check_dataset(yaml)
    problems = [finding for finding in check.findings if finding.problem and finding.what.startswith("val")]
    assert problems == []
    stock = check_det_dataset(str(yaml), autodownload=False)
    dataset = YOLODataset(img_path=stock["val"], data=stock, task="detect", imgsz=32, augment=False, cache=False)
    assert len(dataset.labels) == images
    assert sum(len(label["cls"]) for label in dataset.labels) == len(labels)


def test_images_of_another_size_than_coco_says(tmp_path):
    source = coco_download(tmp_path, json.dumps(INSTANCES).encode())
    draw(source / "val" / "first.png", 50, 100, 0)
    with pytest.raises(DataError, match=r"first\.png has 100 x 50 pixels, but .*val/first\.png has 50 x 100"):
        convert_coco(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    turned = Image.Exif()
    turned[274] = 6
    Image.new("RGB", (50, 100)).save(source / "val" / "first.png", exif=turned)
    convert_coco(source, tmp_path / "out")


def test_a_turned_image_of_visdrone(tmp_path):
    split = visdrone_download(tmp_path, ROW.encode())
    turned = Image.Exif()
    turned[274] = 3
    Image.new("RGB", (WIDTH, HEIGHT)).save(split / "images" / "a.jpg", exif=turned)
    with pytest.raises(DataError, match=r"images/a\.jpg is turned by its EXIF entry"):
        convert_visdrone(split, tmp_path / "out")
