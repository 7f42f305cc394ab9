# SPDX-License-Identifier: AGPL-3.0-or-later
"""Official VisDrone downloads become datasets; incomplete and broken ones don't."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import ultralytics
import yaml
from ultralytics.data.utils import check_det_dataset

from tests.data.convert.downloads import pack, visdrone_split
from yolo_fine.cli import main
from yolo_fine.data.convert import file_tree, output
from yolo_fine.data.convert import visdrone as visdrone_convert
from yolo_fine.data.convert.visdrone import convert_visdrone
from yolo_fine.data.convert.visdrone_labels import Counts
from yolo_fine.data.convert.visdrone_official import OFFICIAL, judge
from yolo_fine.errors import ArgumentError, DataError, MissingFileError
from yolo_fine.formats.visdrone_files import NAMES as CLASS_NAMES

NAMES = {"train": "VisDrone2019-DET-train", "val": "VisDrone2019-DET-val", "test": "VisDrone2019-DET-test-dev"}


@pytest.fixture
def source(tmp_path):
    for seed, (split, name) in enumerate(NAMES.items(), 1):
        visdrone_split(tmp_path / "VisDrone" / name, images=2 + (split == "train"), seed=seed)
    return tmp_path / "VisDrone"


def contents(root):
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def first_annotation(source, split="train"):
    return sorted((source / NAMES[split] / "annotations").iterdir())[0]


def stock_converter():
    """The function that Ultralytics' own VisDrone.yaml converts with."""
    text = (Path(ultralytics.__file__).parent / "cfg" / "datasets" / "VisDrone.yaml").read_text(encoding="utf-8")
    code = yaml.safe_load(text)["download"]
    found = re.search(r"(def visdrone2yolo\(dir, split.*?)\n\n# Download", code, flags=re.DOTALL)
    if found is None:
        pytest.skip("this Ultralytics converts VisDrone into another layout")
    space = {"Path": Path, "shutil": shutil, "os": os, "TQDM": lambda items, **_: items}
    exec(found[1], space)
    return space["visdrone2yolo"]


def test_labels_are_those_of_the_stock_converter(source, tmp_path):
    ours = convert_visdrone(source, tmp_path / "ours").root
    theirs = tmp_path / "theirs"
    shutil.copytree(source, theirs)
    for split, name in NAMES.items():
        stock_converter()(theirs, split, name)
        for file in (theirs / "labels" / split).iterdir():
            stock = file.read_text().splitlines()
            sound = [line for line in stock if float(line.split()[3]) > 0 and float(line.split()[4]) > 0]
            assert len(sound) == len(stock) - 1, "the one box without width is left out, and nothing else"
            assert (ours / "labels" / split / file.name).read_text().splitlines() == sound


def test_layout_counts_and_original_annotations(source, tmp_path, capsys):
    result = convert_visdrone(source, tmp_path / "out", tmp_path / "result.json")
    assert result.created
    for split, name in NAMES.items():
        original = contents(source / name / "annotations")
        assert contents(result.root / "annotations" / split) == original
        assert contents(result.root / "images" / split) == contents(source / name / "images")
        assert len(contents(result.root / "labels" / split)) == len(original)
    assert result.splits["train"].counts == Counts(3, objects=21, ignored=3, others=3, zero_size=3, labels=18)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["splits"]["val"]["counts"]["objects"] == 14
    assert written["splits"]["val"]["verdict"]["official"] is False
    assert capsys.readouterr().out == ""
    shown = result.to_text()
    assert "val: this is not the official val split: 2 images instead of 548, 14 objects instead of 38,759" in shown
    assert "7 boxes without width or height were left out" in shown
    assert str(result.yaml) in shown
    assert [row["objects"] for row in result.table()] == [21, 14, 14]


def test_images_of_folders_are_linked(source, tmp_path):
    root = convert_visdrone(source, tmp_path / "out").root
    image = next((source / NAMES["val"] / "images").iterdir())
    assert (root / "images" / "val" / image.name).samefile(image)
    annotation = first_annotation(source, "val")
    assert not (root / "annotations" / "val" / annotation.name).samefile(annotation)


def test_images_are_copied_where_links_cannot_be_made(source, tmp_path, monkeypatch):
    linked = contents(convert_visdrone(source, tmp_path / "linked").root)

    def no_links(*_):
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(file_tree.os, "link", no_links)
    assert contents(convert_visdrone(source, tmp_path / "copied").root) == linked


@pytest.mark.parametrize("top", ["", "VisDrone2019-DET-{}/", "a/b/VisDrone2019-DET-{}/"])
def test_archives_give_the_same_as_folders(source, tmp_path, top):
    folders = convert_visdrone(source, tmp_path / "folders").root
    packed = tmp_path / "packed"
    packed.mkdir()
    for name in NAMES.values():
        pack(source / name, packed / f"{name}.zip", top.format(name.split("-", 2)[2]))
    assert contents(convert_visdrone(packed, tmp_path / "unpacked").root) == contents(folders)


@pytest.mark.parametrize("nested", [False, True])
def test_one_split_alone(source, tmp_path, nested):
    place = source / NAMES["val"]
    if nested:
        place = tmp_path / NAMES["val"]
        shutil.copytree(source / NAMES["val"], place / NAMES["val"])
    result = convert_visdrone(place)
    assert list(result.splits) == ["val"]
    assert result.root == place.with_name("VisDrone2019-DET-val-yolo")
    assert check_det_dataset(str(result.yaml), autodownload=False)["train"].endswith("images/train")


def test_one_archive_alone(source, tmp_path):
    pack(source / NAMES["test"], tmp_path / "VisDrone2019-DET-test-dev (1).zip")
    result = convert_visdrone(tmp_path / "VisDrone2019-DET-test-dev (1).zip", tmp_path / "out")
    assert list(result.splits) == ["test"]


def test_an_archive_beside_its_folder_and_the_challenge_split_do_not_matter(source, tmp_path):
    pack(source / NAMES["val"], source / "VisDrone2019-DET-val.zip")
    (source / "VisDrone2019-DET-test-challenge" / "images").mkdir(parents=True)
    assert list(convert_visdrone(source, tmp_path / "out").splits) == ["train", "val", "test"]


def test_the_yaml_works_wherever_the_folder_lies(source, tmp_path, monkeypatch):
    root = convert_visdrone(source, tmp_path / "out").root
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    root.rename(moved)
    monkeypatch.chdir(moved.parent)
    for file in (str(moved / "visdrone.yaml"), "moved/visdrone.yaml"):
        found = check_det_dataset(file, autodownload=False)
        assert [Path(found[split]) for split in NAMES] == [moved / "images" / split for split in NAMES]
        assert tuple(found["names"].values()) == CLASS_NAMES
    monkeypatch.chdir(moved)
    assert Path(check_det_dataset("visdrone.yaml", autodownload=False)["val"]) == moved / "images" / "val"


def test_stock_validation_runs_on_the_result(source, tmp_path, monkeypatch):
    from ultralytics import YOLO

    data = convert_visdrone(source, tmp_path / "out").yaml
    monkeypatch.chdir(tmp_path)
    metrics = YOLO("yolov8n.yaml").val(data=str(data), imgsz=64, batch=2, workers=0, plots=False, verbose=False)
    assert metrics.nt_per_class.sum() == 12


def test_a_second_run_finds_the_first(source, tmp_path):
    first = convert_visdrone(source, tmp_path / "out")
    before = contents(first.root)
    second = convert_visdrone(source, tmp_path / "out")
    assert not second.created
    assert repr(second) == second.summary()
    assert second.splits == first.splits
    assert contents(first.root) == before
    assert "already there, nothing to do" in second.summary()


def test_another_conversion_in_its_place_is_left_alone(source, tmp_path):
    convert_visdrone(source, tmp_path / "out")
    annotation = first_annotation(source)
    annotation.write_bytes(annotation.read_bytes() + b"1,1,5,5,1,1,0,0\r\n")
    with pytest.raises(DataError, match="holds another conversion"):
        convert_visdrone(source, tmp_path / "out")


def test_a_damaged_result_is_noticed(source, tmp_path):
    root = convert_visdrone(source, tmp_path / "out").root
    next((root / "labels" / "val").iterdir()).unlink()
    with pytest.raises(DataError, match=r"out holds 22 files instead of 23; delete it and convert again"):
        convert_visdrone(source, tmp_path / "out")
    (root / "visdrone.json").write_text("{")
    with pytest.raises(DataError, match=r"visdrone.json is damaged"):
        convert_visdrone(source, tmp_path / "out")


def test_a_foreign_folder_is_left_alone(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and is no such conversion"):
        convert_visdrone(source, tmp_path / "out")
    assert contents(tmp_path / "out") == {"thesis.txt": b"mine"}


def test_an_empty_folder_may_be_there(source, tmp_path):
    (tmp_path / "out").mkdir()
    assert convert_visdrone(source, tmp_path / "out").created


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
def test_an_interrupted_run_leaves_nothing(source, tmp_path, monkeypatch, stop):
    calls = []

    def stopping(file, name):
        calls.append(file)
        if len(calls) == 4:
            raise stop
        return 96, 54

    monkeypatch.setattr(visdrone_convert, "image_size", stopping)
    expected = KeyboardInterrupt if stop is KeyboardInterrupt else ArgumentError
    with pytest.raises(expected) as caught:
        convert_visdrone(source, tmp_path / "out")
    if expected is ArgumentError:
        assert "the disk is full" in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["VisDrone"]


def test_a_disk_without_room_is_noticed_before_anything_is_written(source, tmp_path, monkeypatch):
    monkeypatch.setattr(output.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(DataError, match=r"needs 0\.1 GB on the disk, 0\.0 GB are free"):
        convert_visdrone(source, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["VisDrone"]


def test_what_a_killed_run_left_is_removed(source, tmp_path):
    (tmp_path / ".out.part-1a2b3c4d").mkdir()
    convert_visdrone(source, tmp_path / "out")
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == ["VisDrone", "out"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1,2,3,4,1,4,0", "'1,2,3,4,1,4,0' has 7 fields"),
        ("1,2,x,4,1,4,0,0", "width is 'x'; it must be a number"),
        ("1,2,3,4,1,12,0,0", "category is 12; VisDrone has the categories 0 to 11"),
        ("1,2,-3,4,1,4,0,0", "width is -3; it must not be negative"),
    ],
)
def test_a_broken_line_is_named(source, tmp_path, line, told):
    file = first_annotation(source)
    file.write_bytes(f"1,1,5,5,1,1,0,0\r\n\r\n{line}\r\n".encode())
    with pytest.raises(DataError) as caught:
        convert_visdrone(source, tmp_path / "out")
    message = str(caught.value)
    assert f"{file}, line 3" in message
    assert told in message
    assert not (tmp_path / "out").exists()


def test_bytes_that_are_no_text_are_named(source):
    first_annotation(source).write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(DataError, match=r"d_0000000.txt, line 1: '.*xff.*' has 1 fields"):
        convert_visdrone(source)


def test_a_byte_order_mark_and_an_empty_file_are_taken(source, tmp_path):
    files = sorted((source / NAMES["train"] / "annotations").iterdir())
    files[0].write_bytes(b"\xef\xbb\xbf1,1,5,5,1,1,0,0")
    files[1].write_bytes(b"")
    root = convert_visdrone(source, tmp_path / "out").root
    labels = [(root / "labels" / "train" / file.name).read_text() for file in files[:2]]
    assert labels[0].startswith("0 0.036458 ")
    assert labels[1] == ""


@pytest.mark.parametrize(("kind", "told"), [("images", "1 of 3 have no image"), ("annotations", "no annotation file")])
def test_an_incomplete_split_is_refused(source, kind, told):
    missing = sorted((source / NAMES["train"] / kind).iterdir())[1]
    missing.unlink()
    with pytest.raises(DataError, match=f"{told}, the first is {missing.stem}"):
        convert_visdrone(source)


def test_a_broken_image_is_named(source, tmp_path):
    image = next((source / NAMES["val"] / "images").iterdir())
    image.write_bytes(b"no image")
    with pytest.raises(DataError, match=rf"{image} is no readable image"):
        convert_visdrone(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_half_an_archive_is_named(source, tmp_path):
    whole = tmp_path / "whole.zip"
    pack(source / NAMES["val"], whole)
    half = tmp_path / "half" / "VisDrone2019-DET-val.zip"
    half.parent.mkdir()
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DataError, match=r"VisDrone2019-DET-val.zip is no whole zip archive"):
        convert_visdrone(half.parent)


def test_a_damaged_member_of_an_archive_is_named(source, tmp_path):
    archive = tmp_path / "VisDrone2019-DET-val.zip"
    pack(source / NAMES["val"], archive)
    content = bytearray(archive.read_bytes())
    start = content.index(b"3,4,20,9,0,0,0,0")
    content[start : start + 1] = b"4"
    archive.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"annotations/.*txt can't be unpacked .*CRC"):
        convert_visdrone(archive)


def test_places_that_hold_no_split(source, tmp_path):
    with pytest.raises(MissingFileError, match="no such file or folder"):
        convert_visdrone(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no VisDrone split; .* found VisDrone"):
        convert_visdrone(tmp_path)
    shutil.copytree(source / NAMES["val"], tmp_path / "mine")
    with pytest.raises(DataError, match="its name doesn't say which split it is"):
        convert_visdrone(tmp_path / "mine")
    converted = convert_visdrone(source, tmp_path / "out").root
    with pytest.raises(DataError, match="has a YOLO layout already"):
        convert_visdrone(converted)
    shutil.copytree(source / NAMES["val"], source / "val")
    with pytest.raises(DataError, match="the val split is there twice"):
        convert_visdrone(source)


def test_official_splits_are_known():
    known = OFFICIAL["val"]
    counts = Counts(548, 38759, 1378, 32, zero_size=0, labels=38759)
    assert judge("val", counts, known.fingerprint).official
    assert judge("val", counts, known.fingerprint).text == "this is the official val split"
    other = judge("val", counts, "0" * 64)
    assert not other.official
    assert "names or rows differ" in other.text
    test = judge("test", Counts(1610, 75102, 2180, 265, 0, 75102), "0" * 64)
    assert test.text == "this is the official test-dev split, by its counts"
    fewer = judge("train", Counts(6471, 343204, 8813, 1532, 0, 343204), OFFICIAL["train"].fingerprint)
    assert fewer.text == "this is not the official train split: 343,204 objects instead of 343,205"


def test_the_official_annotations_are_recognised():
    place = os.environ.get("YOLO_FINE_VISDRONE_TRAIN")
    if not place:
        pytest.skip("YOLO_FINE_VISDRONE_TRAIN does not name the folder of the official train annotations")
    from yolo_fine.data.convert.visdrone_labels import count_rows
    from yolo_fine.formats.fingerprint import text_fingerprint
    from yolo_fine.formats.visdrone_rows import parse_annotations

    texts = {file.stem: file.read_bytes() for file in Path(place).glob("*.txt")}
    counts = count_rows(parse_annotations(texts.values(), list(texts)))
    assert judge("train", counts, text_fingerprint(texts)).text == "this is the official train split"


def test_the_command(source, tmp_path, capsys):
    assert main(["data", "visdrone", f"source={source}", f"out={tmp_path / 'out'}"]) == 0
    assert str(tmp_path / "out" / "visdrone.yaml") in capsys.readouterr().out
    assert main(["data", "visdrone", f"source={tmp_path / 'nowhere'}"]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_a_result_that_cannot_be_written(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="can't be written"):
        convert_visdrone(source, tmp_path / "out", tmp_path / "file" / "result.json")


def test_a_tilde_means_the_home_folder(source, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["data", "visdrone", "source=~/VisDrone", "out=~/out"]) == 0
    assert (tmp_path / "out" / "visdrone.yaml").is_file()
