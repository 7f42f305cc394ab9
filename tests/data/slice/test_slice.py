# SPDX-License-Identifier: AGPL-3.0-or-later
"""``data slice`` on YOLO, COCO and VisDrone sets, with boxes, polygons and keypoints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

import yolo_fine
from tests.data.convert.downloads import coco_split
from tests.fixtures.visdrone_dataset import Dataset
from yolo_fine.cli import main
from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.sources import from_dataset
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.integration.datasets import read_pixels


def make_set(root: Path, images: dict[str, tuple[np.ndarray, str]], **keys: object) -> Path:
    """A dataset whose train images are given with their label files; val is one small image."""
    for kind in ("images", "labels"):
        for split in ("train", "val"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
    for name, (pixels, labels) in images.items():
        cv2.imwrite(str(root / "images" / "train" / name), pixels)
        (root / "labels" / "train" / f"{Path(name).stem}.txt").write_text(labels)
    cv2.imwrite(str(root / "images" / "val" / "v.png"), np.zeros((32, 32, 3), np.uint8))
    (root / "labels" / "val" / "v.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    file = root / "data.yaml"
    content = {"train": "images/train", "val": "images/val", "names": {0: "dot", 1: "bar"}, **keys}
    file.write_text(yaml.safe_dump(content))
    return file


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


def label(kind: int, box: tuple[float, float, float, float], width: int, height: int) -> str:
    x, y, w, h = box
    return f"{kind} {(x + w / 2) / width:.6f} {(y + h / 2) / height:.6f} {w / width:.6f} {h / height:.6f}\n"


BOXES = [(4, 4, 8, 8), (60, 10, 8, 8), (100, 50, 8, 4), (10, 40, 110, 10)]  # inside, cut at 64, inside, too long


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """One image of 128 x 64 with four objects, one that fits into a slice, and one of 192 x 64 with one object."""
    lines = "".join(label(i % 2, box, 128, 64) for i, box in enumerate(BOXES))
    one = label(0, (2, 2, 8, 8), 192, 64)
    images = {"wide.png": (noise(128, 64), lines), "small.png": (noise(64, 60), ""), "long.jpg": (noise(192, 64), one)}
    return make_set(tmp_path / "set", images)


def rows_of(folder: Path, name: str) -> list[list[float]]:
    """Labels of a slice in pixels: class, left, top, width, height."""
    width, height = read_pixels(folder / "images" / "train" / f"{name}.png").shape[1::-1]
    rows = [
        list(map(float, line.split()))
        for line in (folder / "labels/train" / f"{name}.txt").read_text().split("\n")[:-1]
    ]
    return [
        [kind, *np.round([(x - w / 2) * width, (y - h / 2) * height, w * width, h * height], 3).tolist()]
        for kind, x, y, w, h in rows
    ]


def test_labels_and_pixels_of_slices(plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = yolo_fine.slice_dataset(plain, out, size=64, overlap=0, visible=0.5, empty=10, json=tmp_path / "s.json")
    left, right = "wide_0_0_64_64", "wide_64_0_128_64"
    assert rows_of(out, left) == [[0, 4, 4, 8, 8], [1, 60, 10, 4, 8]]  # half of the second one is enough
    assert rows_of(out, right) == [[1, 0, 10, 4, 8], [0, 36, 50, 8, 4], [1, 0, 40, 56, 10]]  # 56 of 110
    source = read_pixels(plain.parent / "images" / "train" / "wide.png")
    assert np.array_equal(read_pixels(out / "images" / "train" / f"{right}.png"), source[:, 64:])
    assert {file.name for file in (out / "images" / "train").iterdir()} == {
        f"{left}.png", f"{right}.png", "small.png", *(f"long_{x}_0_{x + 64}_64.jpg" for x in (0, 64, 128))
    }  # fmt: skip
    assert (made.images, made.slices, made.unchanged, made.empty) == (3, 6, 1, 3)
    told = json.loads((tmp_path / "s.json").read_text())
    assert told == made.to_dict()
    assert [sum(one[key] for one in told["sizes"]) for key in ("before", "after", "in_none")] == [5, 6, 0]
    assert made.unseen is not None
    assert [made.unseen.bins[-1].before, made.unseen.bins[-1].after] == [5, 6]


def test_what_is_seen_of_the_new_set_is_what_assign_counts(plain: Path, tmp_path: Path) -> None:
    made = yolo_fine.slice_dataset(plain, tmp_path / "out", size=64, overlap=0.25, imgsz=128, strides="16,32")
    for data, share, contested in (
        (plain, made.unseen.before, made.unseen.contested_before),
        (made.yaml, made.unseen.after, made.unseen.contested_after),
    ):
        counted = yolo_fine.assignment(data, imgsz=128, strides="16,32")
        assert (share, contested) == (counted.overall.no_candidate, counted.overall.contested)


def test_what_does_not_change_is_linked_and_val_is_untouched(plain: Path, tmp_path: Path) -> None:
    made = yolo_fine.slice_dataset(plain, tmp_path / "out", size=64, overlap=0, empty=10)
    for place in ("images/val/v.png", "images/train/small.png"):
        assert (made.root / place).samefile(plain.parent / place)
    assert made.untouched == {"val": 1}
    assert read_split(made.yaml, "val").boxes.tolist() == read_split(plain, "val").boxes.tolist()
    (made.root / "labels/val/v.txt").write_text("")  # labels are copies: to edit them doesn't edit the originals
    assert (plain.parent / "labels/val/v.txt").read_text()


def test_slices_without_objects_are_thinned_alike_each_time(plain: Path, tmp_path: Path) -> None:
    def names(out: str, **how: float) -> set[str]:
        made = yolo_fine.slice_dataset(plain, tmp_path / out, size=64, overlap=0, **how)
        return {file.name for file in (made.root / "images/train").iterdir()}

    none, some, all_of_them = names("a", empty=0), names("b", empty=0.5), names("c", empty=5)
    assert (len(none), len(some), len(all_of_them)) == (3, 5, 6)  # three hold objects, so half of it are two
    assert none < some < all_of_them
    assert names("d", empty=0.5) == some
    assert len({frozenset(names(f"e{seed}", empty=0.5, seed=seed)) for seed in range(8)}) > 1


def test_an_object_larger_than_a_slice_is_told_and_originals_keep_it(plain: Path, tmp_path: Path) -> None:
    made = yolo_fine.slice_dataset(plain, tmp_path / "out", size=64, overlap=0, visible=0.6)
    assert sum(one.in_none for one in made.sizes) == 2  # the long one, and the one that is cut in half
    assert "originals=True keeps whole images beside" in made.summary()
    beside = yolo_fine.slice_dataset(plain, tmp_path / "beside", size=64, overlap=0, visible=0.6, originals=True)
    assert sum(one.in_none for one in beside.sizes) == 0
    assert (beside.root / "images/train/wide.png").samefile(plain.parent / "images/train/wide.png")
    assert (beside.root / "labels/train/wide.txt").read_text() == (plain.parent / "labels/train/wide.txt").read_text()


def test_stock_training_takes_the_new_set(plain: Path, tmp_path: Path) -> None:
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    made = yolo_fine.slice_dataset(plain, tmp_path / "out", size=64, overlap=0, visible=0.5)
    content = check_det_dataset(str(made.yaml))
    found = YOLODataset(img_path=content["train"], data=content, task="detect", imgsz=64, augment=False).labels
    assert sum(len(one["cls"]) for one in found) == sum(one.after for one in made.sizes) == 6
    assert yolo_fine.check_dataset(made.yaml).sound


def test_a_visdrone_set_keeps_its_regions(dataset: Dataset, tmp_path: Path) -> None:
    made = yolo_fine.slice_dataset(dataset.yaml, tmp_path / "out", size=64, overlap=0.25, visible=0.7)
    source = from_dataset(str(made.yaml), "train")
    assert source.kind == "visdrone"
    labels = read_split(made.yaml, "train")
    evaluated = np.isin(source.truth.category, list(source.truth.classes))
    assert evaluated.sum() == len(labels)
    order = np.lexsort((*source.truth.boxes[evaluated].T, source.truth.image[evaluated]))
    np.testing.assert_allclose(
        source.truth.boxes[evaluated][order], labels.boxes[np.lexsort((*labels.boxes.T, labels.image))], atol=1e-3
    )
    corner = (made.root / "annotations/train/0_0_0_64_64.txt").read_text().splitlines()
    assert corner[0] == "0,0,20,20,0,0,0,0"
    found = [
        list(map(float, line.split(",")))
        for file in (made.root / "annotations/train").iterdir()
        for line in file.read_text().split()
    ]
    fragments = [row for row in found if row[5] == 0 and row[:4] != [0, 0, 20, 20]]
    assert fragments  # objects cut to less than 0.7 are regions to be ignored
    assert all(row[4] == 0 for row in fragments)
    cut = [row for row in found if row[5] > 0 and row[6] == 1]
    assert cut
    result = yolo_fine.evaluate(data=made.yaml, detections=dataset_detections(source), resamples=0)
    assert result.visdrone["AP"] == pytest.approx(100)


def dataset_detections(source) -> Path:
    """Result files that find every object of the val split, which is the untouched one."""
    folder = Path(source.truth.files[0]).parents[2] / "found"
    folder.mkdir()
    for file in (folder.parent / "annotations/val").iterdir():
        rows = [line.split(",") for line in file.read_text().split()]
        lines = [",".join([*row[:4], "0.9", row[5], "-1", "-1"]) for row in rows if row[5] != "0"]
        (folder / file.name).write_text("\n".join(lines) + "\n")
    return folder


def test_ignored_regions_are_blanked_or_masked(tmp_path: Path) -> None:
    """A region over the left half of the image; one object in it, one half in it, one outside."""
    boxes = [(10, 10, 8, 8), (28, 30, 8, 8), (50, 50, 8, 8)]
    pixels = noise(64, 64)
    data = make_set(tmp_path / "set", {"a.png": (pixels, "".join(label(0, box, 64, 64) for box in boxes))})
    annotations = tmp_path / "set/annotations/train"
    annotations.mkdir(parents=True)
    rows = ["0,0,32,64,0,0,0,0", *(f"{x},{y},{w},{h},1,1,0,0" for x, y, w, h in boxes)]
    (annotations / "a.txt").write_text("\r\n".join(rows))

    def sliced(ignored: str) -> tuple[np.ndarray, int]:
        made = yolo_fine.slice_dataset(data, tmp_path / ignored, size=64, visible=0.6, ignored=ignored, originals=True)
        return read_pixels(made.root / "images/train/a.png"), sum(one.after for one in made.sizes)

    kept, labels = sliced("keep")
    assert np.array_equal(kept, pixels)
    assert labels == 3
    blank, labels = sliced("blank")
    assert (blank[:, :32] == 114).all()
    assert np.array_equal(blank[:, 32:], pixels[:, 32:])
    assert labels == 1  # the second one is half visible, which is less than 0.6
    masked, labels = sliced("mask")
    assert labels == 3
    assert np.array_equal(masked[10:18, 10:18], pixels[10:18, 10:18])
    assert (masked[:10, :32] == 114).all()
    plain = make_set(tmp_path / "plain", {"a.png": (pixels, label(0, boxes[0], 64, 64))})
    with pytest.raises(ArgumentError, match="ignored=blank needs VisDrone's annotations"):
        yolo_fine.slice_dataset(plain, tmp_path / "no", size=64, ignored="blank")


def test_polygons_are_cut(tmp_path: Path) -> None:
    square, triangle = "1 0.4 0.2 0.6 0.2 0.6 0.6 0.4 0.6\n", "0 0.1 0.1 0.2 0.1 0.15 0.4\n"
    data = make_set(tmp_path / "set", {"a.png": (noise(128, 64), square + triangle)})
    made = yolo_fine.slice_dataset(data, tmp_path / "out", size=64, overlap=0, visible=0.5)
    left = (made.root / "labels/train/a_0_0_64_64.txt").read_text().splitlines()
    np.testing.assert_allclose(np.array(left[0].split(), float)[1:].reshape(-1, 2).max(axis=0), [1, 0.6], atol=1e-6)
    np.testing.assert_allclose(np.array(left[1].split(), float), [0, 0.2, 0.1, 0.4, 0.1, 0.3, 0.4], atol=1e-6)
    (right,) = (made.root / "labels/train/a_64_0_128_64.txt").read_text().splitlines()
    points = np.array(right.split(), float)[1:].reshape(-1, 2)
    np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], [[0, 0.2], [0.2, 0.6]], atol=1e-6)


def test_keypoints_follow_and_those_without_visibility_are_refused(tmp_path: Path) -> None:
    line = "0 0.45 0.5 0.2 0.5 0.4 0.5 2 0.54 0.5 2\n"
    data = make_set(tmp_path / "set", {"a.png": (noise(128, 64), line)}, kpt_shape=[2, 3], flip_idx=[1, 0])
    made = yolo_fine.slice_dataset(data, tmp_path / "out", size=64, overlap=0, visible=0.5)
    (left,) = (made.root / "labels/train/a_0_0_64_64.txt").read_text().splitlines()
    assert left.split()[5:] == ["0.800000", "0.500000", "2", "0.000000", "0.000000", "0"]
    content = yaml.safe_load(made.yaml.read_text())
    assert (content["kpt_shape"], content["flip_idx"]) == ([2, 3], [1, 0])
    flat = make_set(tmp_path / "flat", {"a.png": (noise(128, 64), "0 .5 .5 .2 .2 .5 .5 .5 .5\n")}, kpt_shape=[2, 2])
    with pytest.raises(DataError, match=r"kpt_shape: \[2, 2\] gives keypoints no visibility"):
        yolo_fine.slice_dataset(flat, tmp_path / "no", size=64)


def test_a_coco_set(tmp_path: Path) -> None:
    for seed, name in enumerate(("train2017", "val2017")):
        coco_split(tmp_path / "coco", name, seed=seed)
    converted = yolo_fine.convert_coco(tmp_path / "coco", tmp_path / "yolo")
    made = yolo_fine.slice_dataset(converted.yaml, tmp_path / "out", size=32, empty=1)
    assert from_dataset(str(made.yaml), "val").kind == "coco"
    assert len(read_split(made.yaml, "train")) == sum(one.after for one in made.sizes) > 0


def test_a_second_call_finds_it_done_and_other_settings_are_refused(plain: Path, tmp_path: Path) -> None:
    how = {"data": plain, "out": tmp_path / "out", "size": 64}
    assert yolo_fine.slice_dataset(**how).created
    again = yolo_fine.slice_dataset(**how)
    assert not again.created
    assert "already there, nothing to do" in again.summary()
    with pytest.raises(ArgumentError, match="holds other slices"):
        yolo_fine.slice_dataset(**how, overlap=0.5)
    next((tmp_path / "out/images/train").iterdir()).unlink()
    with pytest.raises(DataError, match=r"holds \d+ files instead of \d+"):
        yolo_fine.slice_dataset(**how)


def test_an_unreadable_image_leaves_nothing(plain: Path, tmp_path: Path) -> None:
    file = plain.parent / "images/train/wide.png"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DataError, match=r"wide\.png is no readable image"):
        yolo_fine.slice_dataset(plain, tmp_path / "out", size=64)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_killed_run_is_taken_up(tmp_path: Path) -> None:
    """Killed after the tenth image; the second run writes the others only, and the set is that of a run in one go."""
    lines = label(0, (4, 4, 8, 8), 128, 64)
    data = make_set(tmp_path / "set", {f"{i:02}.png": (noise(128, 64), lines) for i in range(40)})
    code = (
        "import os, signal\nfrom yolo_fine.data.slice import write\nreal, done = write._write_image, []\n"
        "def slow(*args):\n"
        "    done.append(1)\n"
        "    if len(done) > 25:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(*args)\n"
        "write._write_image = slow\nimport yolo_fine\n"
        f"yolo_fine.slice_dataset({str(data)!r}, {str(tmp_path / 'out')!r}, size=64, empty=1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    (part,) = tmp_path.glob(".out.resume-*")
    first = next((part / "images/train").glob("00_*"))
    before = first.stat().st_mtime_ns
    time.sleep(0.01)
    made = yolo_fine.slice_dataset(data, tmp_path / "out", size=64, empty=1)
    assert (tmp_path / "out/images/train" / first.name).stat().st_mtime_ns == before
    whole = yolo_fine.slice_dataset(data, tmp_path / "whole", size=64, empty=1)

    def content(root: Path) -> dict[str, bytes]:
        return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}

    assert content(made.root) == content(whole.root)
    assert not list(tmp_path.glob(".out*"))


def test_the_command(plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.chdir(tmp_path)
    assert main(["data", "slice", str(plain), "out=out", "size=64", "json=s.json"]) == 0
    printed = capsys.readouterr().out
    assert "3 training images became" in printed
    assert "unseen before %" in printed
    assert json.loads((tmp_path / "s.json").read_text())["slices"] > 3
    for words, said in (
        (["overlap=1"], "argument 'overlap' must be from 0 to below 0.9, got 1"),
        (["visible=0"], "argument 'visible' must be above 0 and up to 1"),
        (["ignored=blanc"], "did you mean blank"),
        (["size=16"], "argument 'size' must be 32 to 8192"),
    ):
        assert main(["data", "slice", str(plain), "out=other", *words]) == 2
        assert said in capsys.readouterr().err
