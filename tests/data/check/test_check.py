# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data check`` finds what is wrong with a dataset, and nothing in a sound one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.data.convert.downloads import draw
from yolo_fine.cli import main
from yolo_fine.data.check.check import check_dataset
from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.sources import from_dataset
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.integration.versions import installed_version

NAMES = ["car", "bus", "crate"]


@pytest.fixture
def root(tmp_path):
    """Three training and two validation images of 100 x 80 pixels; two objects each, of 10 x 8 and 50 x 40 pixels."""
    for number, split in enumerate(("train", "val")):
        (tmp_path / "labels" / split).mkdir(parents=True)
        for index in range(3 - number):
            draw(tmp_path / "images" / split / f"{index}.jpg", 100, 80, 10 * number + index)
            (tmp_path / "labels" / split / f"{index}.txt").write_text("0 0.2 0.2 0.1 0.1\n1 0.5 0.5 0.5 0.5\n")
    write_yaml(tmp_path)
    return tmp_path


def write_yaml(root, **changed):
    data = {"path": str(root), "train": "images/train", "val": "images/val", "names": NAMES, **changed}
    (root / "data.yaml").write_text(yaml.safe_dump(data))


def inspect(root):
    return check_dataset(root / "data.yaml")


def told(check, problem=True):
    return [finding.what for finding in check.findings if finding.problem == problem]


def test_a_sound_dataset(root, capsys):
    file, image = root / "check.json", root / "check.png"
    check = check_dataset(str(root / "data.yaml"), file, image)
    assert check.sound
    assert "no problems found" in repr(check)
    assert [row["objects"] for row in check.table()] == [6, 4]
    assert capsys.readouterr().out == ""
    result = json.loads(file.read_text())
    assert result["sound"] is True
    train = result["splits"]["train"]
    assert train["by_size"] == {"very tiny": 0, "tiny": 3, "small": 0, "medium": 3, "large": 0}
    assert train["by_class"] == {"car": 3, "bus": 3, "crate": 0}
    assert train["median_side"] == round((80**0.5 + 2000**0.5) / 2, 2)
    assert sum(train["histogram"]) == train["objects"] == 6
    bar = train["histogram"].index(3)
    assert result["edges"][bar] <= 80**0.5 < result["edges"][bar + 1]
    shown = check.to_text()
    assert "problems: none" in shown
    assert "1 of the 3 classes occur nowhere" in shown
    assert cv2.imread(str(image)).shape[1] == 1560


BROKEN = {
    "5 numbers": ("0 0.5 0.5 0.1", "4 numbers; a box has 5"),
    "text": ("car 0.5 0.5 0.1 0.1", "'car' is not a number"),
    "nan": ("0 nan 0.5 0.1 0.1", "'nan' is not a number"),
    "class": ("3 0.5 0.5 0.1 0.1", "class 3 is not in the dataset's names, which are 0 to 2"),
    "negative class": ("-1 0.5 0.5 0.1 0.1", "class -1"),
    "half a class": ("0.5 0.5 0.5 0.1 0.1", "class 0.5"),
    "pixels": ("0 50 40 10 8", "50 for the centre is not a share of the image"),
    "negative": ("0 -0.5 0.5 0.1 0.1", "-0.5 for the centre is not a share of the image"),
    "no area": ("0 0.5 0.5 0 0.1", "a box without area"),
    "pair missing": ("0 0.1 0.1 0.2 0.2 0.3", "6 numbers"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_lines(root, case):
    line, message = BROKEN[case]
    file = root / "labels" / "val" / "1.txt"
    file.write_text(f"0 0.5 0.5 0.1 0.1\n\n{line}\n")
    check = inspect(root)
    assert told(check) == ["val: 1 broken label file"]
    (finding,) = [finding for finding in check.findings if finding.problem]
    assert finding.examples[0].startswith(f"{file}, line 3: ")
    assert message in finding.examples[0]


@pytest.mark.parametrize("case", [name for name in BROKEN if name != "no area"])
def test_ultralytics_drops_what_is_called_broken(root, case):
    from ultralytics.data.utils import verify_image_label

    file = root / "labels" / "val" / "1.txt"
    file.write_text(f"0 0.5 0.5 0.1 0.1\n\n{BROKEN[case][0]}\n")
    found = verify_image_label((str(root / "images" / "val" / "1.jpg"), str(file), "", False, 3, 0, 0, False))
    assert found[-2] == 1, "corrupt"


@pytest.mark.parametrize(
    "content",
    ["", "0 0.5 0.5 1.005 1.0\n", "2 0.1 0.1 0.3 0.1 0.3 0.4\n", "0 0.5 0.5 0.1 0.1\n" * 2, "\ufeff0 0.5 0.5 1 1"],
)
def test_lines_that_are_sound(root, content):
    (root / "labels" / "val" / "1.txt").write_text(content, encoding="utf-8")
    assert told(inspect(root)) == []


def test_a_polygon_counts_as_its_box(root):
    (root / "labels" / "val" / "1.txt").write_text("2 0.1 0.1 0.3 0.1 0.3 0.4\n")
    check = inspect(root)
    assert check.splits["val"].by_class["crate"] == 1
    assert check.splits["val"].by_size["small"] == 1  # 0.2 x 0.3 of 100 x 80 pixels: a side of 21.9


def test_boxes_and_polygons_do_not_mix(root):
    (root / "labels" / "val" / "1.txt").write_text("2 0.1 0.1 0.3 0.1 0.3 0.4\n0 0.5 0.5 0.1 0.1\n")
    (finding,) = [finding for finding in inspect(root).findings if finding.problem]
    assert "boxes and polygons in one file" in finding.examples[0]


def test_unreadable_images(root):
    whole = (root / "images" / "train" / "0.jpg").read_bytes()
    (root / "images" / "train" / "0.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "images" / "train" / "1.jpg").write_bytes(b"")
    (root / "images" / "train" / "2.jpg").write_bytes(b"no image at all")
    check = inspect(root)
    assert told(check) == ["train: 3 unreadable images"]
    (finding,) = [finding for finding in check.findings if finding.problem]
    assert "truncated" in finding.examples[0]
    assert "unknown format" in finding.examples[2]


def test_missing_and_empty_labels_are_told_apart(root):
    (root / "labels" / "train" / "0.txt").unlink()
    (root / "labels" / "train" / "1.txt").write_text("")
    check = inspect(root)
    assert (check.splits["train"].without_labels, check.splits["train"].without_objects) == (1, 1)
    assert "train: 1 image without a label file, taken as empty" in told(check, problem=False)
    assert check.sound
    for file in (root / "labels" / "train").iterdir():
        file.unlink()
    assert told(inspect(root))[0].startswith("train: no image has a label file; looked for ")


def test_labels_without_a_image(root):
    (root / "labels" / "val" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (root / "labels" / "val" / "classes.txt").write_text("car\n")
    check = inspect(root)
    assert told(check) == ["1 label file without an image"]
    (finding,) = [finding for finding in check.findings if finding.problem]
    assert finding.examples == (str(root / "labels" / "val" / "gone.txt"),)


def test_the_same_image_in_two_splits_and_twice_in_one(root):
    image = (root / "images" / "train" / "0.jpg").read_bytes()
    (root / "images" / "val" / "leak.jpg").write_bytes(image)
    check = inspect(root)
    assert told(check) == ["1 image in more than one split (equal files)"]
    (finding,) = [finding for finding in check.findings if finding.problem]
    assert finding.examples == ("train/0.jpg = val/leak.jpg",)
    for index in range(4):
        (root / "images" / "train" / f"0{index}.jpg").write_bytes(image)
    (finding,) = [finding for finding in inspect(root).findings if finding.problem]
    assert finding.examples == ("train/0.jpg = val/leak.jpg = train/00.jpg = train/01.jpg and 2 more",)
    for index in range(4):
        (root / "images" / "train" / f"0{index}.jpg").unlink()
    (root / "images" / "val" / "leak.jpg").rename(root / "images" / "train" / "again.jpg")
    check = inspect(root)
    assert check.sound
    assert "1 image twice in one split (equal files)" in told(check, problem=False)


def test_a_image_that_was_saved_again_smaller(root):
    image = cv2.imread(str(root / "images" / "train" / "0.jpg"))
    smaller = cv2.resize(image, (80, 64), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(root / "images" / "val" / "leak.jpg"), smaller, [cv2.IMWRITE_JPEG_QUALITY, 60])
    check = inspect(root)
    assert "1 pair of images in different splits that look alike (dHash)" in told(check, problem=False)


def test_flat_images_do_not_look_alike(root):
    for index, split in enumerate(("train", "val")):
        cv2.imwrite(str(root / "images" / split / "flat.jpg"), np.full((80, 100, 3), 40 + 90 * index, dtype=np.uint8))
    assert not [what for what in told(inspect(root), problem=False) if "alike" in what]


def test_repeated_rows_and_boxes_beyond_the_image_are_worth_knowing(root):
    (root / "labels" / "val" / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n" * 3 + "1 0.99 0.5 0.2 0.1\n")
    found = told(inspect(root), problem=False)
    assert "val: 2 repeated label rows, dropped by Ultralytics" in found
    assert "val: 1 box beyond the edge of the image" in found


def test_a_list_of_images(root):
    (root / "some.txt").write_text("./images/train/0.jpg\n./images/train/1.jpg\n\n")
    write_yaml(root, train="some.txt")
    check = inspect(root)
    assert check.splits["train"].images == 2
    assert check.sound, "labels of images that a list leaves out are no mistake"
    (root / "some.txt").write_text("./images/train/0.jpg\n./images/train/gone.jpg\n")
    assert told(inspect(root)) == ["train: 1 unreadable image"]


def test_a_split_that_is_not_there(root):
    write_yaml(root, train="images/nowhere")
    assert told(inspect(root)) == ["train: images that the YAML names don't exist"]
    (root / "images" / "none").mkdir()
    write_yaml(root, train="images/none")
    assert told(inspect(root)) == ["train: no images"]


def test_a_yaml_that_cannot_be_used(root, tmp_path):
    with pytest.raises(DataError, match=r"nowhere.yaml"):
        check_dataset(str(tmp_path / "nowhere.yaml"))
    write_yaml(root, val="images/nowhere")
    with pytest.raises(DataError, match="images not found"):
        check_dataset(str(root / "data.yaml"))


def test_a_image_that_cannot_be_written(root):
    with pytest.raises(ArgumentError, match=r"check.docx can't be written"):
        check_dataset(str(root / "data.yaml"), out=root / "check.docx")
    assert not list(root.glob("*check*"))


def test_the_command(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert main(["data", "check", "data=data.yaml"]) == 0
    assert (root / "runs" / "data" / "data.png").is_file()
    (root / "labels" / "val" / "0.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    assert main(["data", "check", "data=data.yaml", "json=check.json"]) == 1
    assert json.loads((root / "check.json").read_text())["sound"] is False
    assert "class 7 is not in the dataset's names, which are 0 to 2" in capsys.readouterr().out


# --- what Ultralytics can't train on ------------------------------------------------------------------


def stock_keeps(root, split="val"):
    """Names of the images that stock Ultralytics trains on, which it has to read too."""
    from ultralytics.data import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(root / "data.yaml"), autodownload=False)
    dataset = YOLODataset(img_path=data[split], data=data, task="detect", imgsz=32, augment=False, cache=False)
    kept = set()
    for index, file in enumerate(dataset.im_files):
        try:
            pixels = dataset.load_image(index)[0]
        except FileNotFoundError:
            continue
        if pixels.shape[2] == data.get("channels", 3):
            kept.add(Path(file).name)
    return kept


def write_image(file, kind):
    """An image of another depth, number of bands or size."""
    random = np.random.default_rng(0)
    bands, dtype, side = {
        "grey": (1, np.uint8, 40),
        "16 bit": (1, np.uint16, 40),
        "16 bit colour": (3, np.uint16, 40),
        "alpha": (4, np.uint8, 40),
        "float": (1, np.float32, 40),
        "float colour": (3, np.float32, 40),
        "9 pixels": (3, np.uint8, 9),
        "10 pixels": (3, np.uint8, 10),
    }[kind]
    limit = 1 if dtype is np.float32 else np.iinfo(dtype).max
    cv2.imwrite(str(file), (random.random((side, 60, bands)) * limit).astype(dtype))


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(
    "kind", ["grey", "16 bit", "16 bit colour", "alpha", "float", "float colour", "9 pixels", "10 pixels"]
)
def test_images_of_other_depths(root, kind, suffix):
    if kind.startswith("float") and suffix == "png":
        pytest.skip("PNG has no floats")
    if installed_version() < (8, 4, 0) and suffix == "tif":
        pytest.skip("older releases read TIFF in other ways")
    file = root / "images" / "val" / f"odd.{suffix}"
    write_image(file, kind)
    named = [example for finding in inspect(root).findings if finding.problem for example in finding.examples]
    assert any(str(file) in example for example in named) == (file.name not in stock_keeps(root))
    assert not any(example.count(str(file)) > 1 or "pi_heif" in example for example in named)


def test_images_of_four_bands(root):
    if installed_version() < (8, 4, 0):
        pytest.skip("older releases know three bands only")
    write_yaml(root, channels=4)
    for split, count in (("train", 3), ("val", 2)):
        for index in range(count):
            (root / "images" / split / f"{index}.jpg").unlink()
            write_image(root / "images" / split / f"{index}.png", "alpha")
    assert not [what for what in told(inspect(root)) if "unreadable" in what]
    write_image(root / "images" / "val" / "0.png", "16 bit colour")
    (finding,) = [finding for finding in inspect(root).findings if "unreadable" in finding.what]
    assert "has 3 bands, and 4 are needed" in finding.examples[0]
    assert stock_keeps(root) == {"1.png"}


def test_small_images_are_left_out_by_ultralytics(root):
    for index in range(2):
        write_image(root / "images" / "val" / f"{index}.png", "9 pixels")
        (root / "images" / "val" / f"{index}.jpg").unlink()
    check = inspect(root)
    assert "val: 2 images with a side below 10 pixels, left out by Ultralytics" in told(check)
    assert read_split(root / "data.yaml").notes == (
        "2 of 2 images have a side below 10 pixels; Ultralytics leaves them out",
    )


@pytest.mark.parametrize(("shape", "numbers"), [("[4, 2]", 8), ("[17, 3]", 51), ("[1, 2]", 2)])
def test_pose_labels_are_read_by_their_boxes(root, shape, numbers):
    points = " ".join(["0.4"] * numbers)
    for file in (root / "labels").rglob("*.txt"):
        file.write_text("".join(f"{line} {points}\n" for line in file.read_text().splitlines()))
    line = f"0 0.5 0.5 0.1 0.2 {points}"
    (root / "labels" / "val" / "1.txt").write_text(f"{line}\n{line}\n1 0.2 0.2 0.1 0.1 {points}\n")
    write_yaml(root, kpt_shape=yaml.safe_load(shape))
    check = inspect(root)
    assert told(check) == []
    assert not [what for what in told(check, problem=False) if "keypoints" in what]
    assert check.splits["val"].objects == 4
    assert "val: 1 repeated label row, dropped by Ultralytics" in told(check, problem=False)
    truth = read_split(root / "data.yaml")
    assert truth.boxes[truth.image == 1].round(9).tolist() == [[45, 32, 10, 16], [15, 12, 10, 8]]


def test_labels_with_keypoints_and_without(root):
    write_yaml(root, kpt_shape=[5, 3])
    told_of = "with boxes that lack keypoints, left out in training for poses"
    assert f"val: 2 label files {told_of}" in told(inspect(root), problem=False)  # they train a detector
    pose = " ".join(["0 0.5 0.5 0.1 0.2", *["0.4 0.4 2"] * 5])
    (root / "labels" / "val" / "1.txt").write_text(f"{pose}\n")
    assert f"val: 1 label file {told_of}" in told(inspect(root))
    (root / "labels" / "val" / "1.txt").write_text(f"{pose}\n0 0.2 0.5 0.1 0.2\n")
    assert f"val: 2 label files {told_of}" in told(inspect(root))
    assert len(read_split(root / "data.yaml")) == 4  # as Ultralytics reads them in training for boxes


@pytest.mark.parametrize(
    ("kpt_shape", "points", "message"),
    [
        ([4, 3], 5, "20 numbers; by kpt_shape a line has 17, class cx cy w h and its keypoints"),
        ([4, 2], 4, "17 numbers; by kpt_shape a line has 13, class cx cy w h and its keypoints"),
        (None, 17, r"56 numbers; .*if these are 17 keypoints, the data YAML lacks kpt_shape: \[17, 3\]"),
    ],
)
def test_keypoints_that_the_yaml_does_not_ask_for(root, kpt_shape, points, message):
    write_yaml(root, **({"kpt_shape": kpt_shape} if kpt_shape else {}))
    (root / "labels" / "val" / "1.txt").write_text(" ".join(["0 0.5 0.5 0.1 0.2", *["0.4 0.4 2"] * points]))
    with pytest.raises(DataError, match=message):
        read_split(root / "data.yaml")


@pytest.mark.skipif(os.sep == "\\", reason="backslashes part folders there")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        (".\\images\\val\\0.jpg", "no such file; a backslash parts no folders here"),
        ("images/val/0.jpg", "no such file in the working folder"),
        ("./images/val/7.jpg", "no such file"),
    ],
)
def test_lines_of_a_list_that_lead_nowhere(root, line, said):
    (root / "list.txt").write_text(line)
    write_yaml(root, val="list.txt")
    (example,) = [
        one for finding in inspect(root).findings for one in finding.examples if "is no readable image" in one
    ]
    assert example.endswith(f"is no readable image: {said}")


def test_images_that_a_list_names_twice(root):
    images = sorted((root / "images" / "val").iterdir())
    (root / "list.txt").write_text("\n".join(map(str, [*images, images[0]])))
    write_yaml(root, train="list.txt", val="list.txt")
    said = "1 image listed more than once; Ultralytics takes each as often"
    assert f"val: {said}" in told(inspect(root))
    assert f"train: {said}" in told(inspect(root), problem=False)


@pytest.mark.parametrize(("before", "after"), [("", "\t"), ("", "\u00a0"), ("  ", "")])
def test_blanks_around_the_lines_of_a_list(root, before, after):
    images = sorted((root / "images" / "val").iterdir())
    (root / "list.txt").write_text("\n".join(f"{before}{image}{after}" for image in images), encoding="utf-8")
    write_yaml(root, val="list.txt")
    problems = inspect(root).findings
    if after:
        what = f"val: Ultralytics drops {len(images) - 1} of {len(images)} lines: blanks at their ends"
        assert what in [finding.what for finding in problems]
    else:
        told_of = [one for finding in problems for one in finding.examples if "blanks at an end of its name" in one]
        assert len(told_of) == len(images) - 1


def test_a_bare_name_that_leads_into_the_working_folder(root, monkeypatch):
    """Ultralytics takes ``VisDrone.yaml`` for its own, whose folder VisDrone may be that of another set."""
    if installed_version() < (8, 4, 0):
        pytest.skip("older releases look in the datasets folder only")
    for split in ("train", "val", "test"):
        (root / "here" / "VisDrone" / "images" / split).mkdir(parents=True)
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        (root / "here" / "VisDrone" / kind / "val").mkdir(parents=True, exist_ok=True)
        (root / "here" / "VisDrone" / kind / "val" / f"x{suffix}").write_bytes(
            (root / kind / "val" / f"0{suffix}").read_bytes()
        )
    monkeypatch.chdir(root / "here")
    note = f"data=VisDrone.yaml took the images of {root}/here/VisDrone, a folder below the working one"
    finding = check_dataset("VisDrone.yaml").findings[-1]
    assert finding.what == note
    assert "val: this is not the official val split: 1 images instead of 548" in finding.examples
    notes = from_dataset("VisDrone.yaml", "val").truth.notes
    assert notes == (note, "this is not the official val split: 1 images instead of 548")
    (root / "here" / "VisDrone" / "annotations" / "val").mkdir(parents=True)
    (root / "here" / "VisDrone" / "annotations" / "val" / "x.txt").write_text("1,1,9,9,1,4,0,0")
    source = from_dataset("VisDrone.yaml", "val")
    assert (source.kind, source.truth.notes) == ("visdrone", notes)
