# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading and writing VisDrone's files, and what is said about files that can't be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.visdrone.cases import load, packaged_cases
from tests.evaluation.visdrone.scenes import draw_scene
from yolo_fine.errors import ArgumentError, DataError, MissingFileError
from yolo_fine.evaluation.visdrone.score import evaluate_visdrone
from yolo_fine.formats.visdrone_files import read_annotations, read_detections, write_detections

ROW = "10,20,30,40,1,4,0,0"


@pytest.fixture
def folder(tmp_path):
    """Two annotated images with sizes, and a result file for each."""
    for kind in ("annotations", "detections"):
        (tmp_path / kind).mkdir()
        for name in ("a", "b"):
            (tmp_path / kind / f"{name}.txt").write_text(ROW + "\n")
    (tmp_path / "sizes.txt").write_text("a 100 80\nb 120 90\n")
    return tmp_path


def annotations_of(folder):
    return read_annotations(folder / "annotations", sizes_file=folder / "sizes.txt")


def detections_of(folder):
    return read_detections(folder / "detections", annotations_of(folder))


def test_columns(folder):
    (folder / "annotations" / "a.txt").write_text(
        "0,0,9,9,0,0,0,0\n10,20,30,40,1,4,1,2\n1,2,3,4,0,5,0,0\n5,5,5,5,0,11,0,0\n"
    )
    truth = annotations_of(folder)
    assert truth.names == ("a", "b")
    assert truth.sizes.tolist() == [[100, 80], [120, 90]]
    assert truth.image.tolist() == [0, 0, 0, 0, 1]
    assert truth.boxes[1].tolist() == [10, 20, 30, 40]
    assert truth.category.tolist() == [0, 4, 5, 11, 4]
    assert truth.area.tolist() == [81, 1200, 12, 25, 1200]
    assert truth.crowd.tolist() == [False, False, True, False, False]
    assert truth.classes[1] == "pedestrian"
    assert truth.classes[10] == "motor"
    assert sorted(truth.classes) == list(range(1, 11))
    assert truth.files is None
    found = detections_of(folder)
    assert found.image.tolist() == [0, 1]
    assert found.score.tolist() == [1, 1]


@pytest.mark.parametrize(
    "text",
    [
        ROW,  # no line end
        ROW + "\r\n",
        ROW + ",\r\n",
        ROW + ", \n",
        "\n\r\n" + ROW + "\n \t\n",
        " 10, 20 ,30,40,1,4,0,0\n",
        "10.0,2e1,+30,40.,1,4,0,0\n",
    ],
)
def test_forms_that_say_the_same(folder, text):
    plain = annotations_of(folder)
    for kind in ("annotations", "detections"):
        (folder / kind / "a.txt").write_bytes(text.encode())
    truth, found = annotations_of(folder), detections_of(folder)
    for column in ("image", "boxes", "category", "crowd"):
        assert np.array_equal(getattr(truth, column), getattr(plain, column))
    assert np.array_equal(found.boxes, plain.boxes)


def test_empty_file_is_a_image_without_rows(folder):
    (folder / "detections" / "a.txt").write_text("")
    (folder / "annotations" / "b.txt").write_text("\n")
    truth, found = annotations_of(folder), detections_of(folder)
    assert truth.names == ("a", "b")
    assert truth.image.tolist() == [0]
    assert found.image.tolist() == [1]
    (folder / "detections" / "b.txt").write_text("")
    assert len(detections_of(folder)) == 0


def test_images_are_in_the_order_of_file_names(folder):
    (folder / "annotations" / "a-1.txt").write_text(ROW)
    (folder / "sizes.txt").write_text("b 1 1\na 2 2\na-1 3 3\nunused 4 4\n")
    truth = annotations_of(folder)
    assert truth.names == ("a-1", "a", "b")  # "-" is before "."
    assert truth.sizes[:, 0].tolist() == [3, 2, 1]


def test_boxes_outside_the_image_are_kept(folder):
    (folder / "detections" / "a.txt").write_text("-50.5,-2,10,10,0.5,1,-1,-1\n999,999,0,5,0.25,-3,-1,-1\n")
    found = detections_of(folder)
    assert found.boxes[:2].tolist() == [[-50.5, -2, 10, 10], [999, 999, 0, 5]]
    assert found.category[:2].tolist() == [1, -3]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("10,20,30,40,1,4,0", "'10,20,30,40,1,4,0' has 7 fields; expected 8 numbers"),
        (ROW + ",7", "has 9 fields"),
        (ROW + ",,", "has 10 fields"),
        (ROW.replace(",", " "), "has 1 fields"),
        ("10,20,30,40,one,4,0,0", "score is 'one'; it must be a number"),
        ("10,20,30,40,nan,4,0,0", "score is 'nan'; it must be a number"),
        ("10,20,30,40,-inf,4,0,0", "score is '-inf'; it must be a number"),
        ("10,20,30,40,1e999,4,0,0", "score is inf; it must be finite"),
        ("1_0,20,30,40,1,4,0,0", "left is '1_0'; it must be a number"),
        ("10,,30,40,1,4,0,0", "top is ''; it must be a number"),
        ("10,20,3 0,40,1,4,0,0", "width is '3 0'; it must be a number"),
        ("10,20,0x1,40,1,4,0,0", "width is '0x1'; it must be a number"),
        ("10,20,30,\u0664,1,4,0,0", r"height is '\\u0664'; it must be a number"),
        ("10,20,-30,40,1,4,0,0", "width is -30; it must not be negative"),
        ("10,20,30,-0.5,1,4,0,0", "height is -0.5; it must not be negative"),
        ("1e10,20,30,40,1,4,0,0", "left is 10000000000; it must be a number of pixels within 1e"),
        ("10,20,30,40,1,4.5,0,0", "category is 4.5; it must be a whole number"),
        ("10,20,30,40,1,4,0,nan", "occlusion is 'nan'; it must be a number"),
    ],
)
def test_row_that_cannot_be_used(folder, row, message):
    for kind, read in (("annotations", annotations_of), ("detections", detections_of)):
        original = (folder / kind / "b.txt").read_text()
        (folder / kind / "b.txt").write_text(f"{ROW}\n\n{row}\n", encoding="utf-8")
        with pytest.raises(DataError, match=message) as error:
            read(folder)
        assert f"{folder / kind / 'b.txt'}, line 3: " in str(error.value)
        assert "\n" not in str(error.value)
        (folder / kind / "b.txt").write_text(original)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("10,20,30,40,1,12,0,0", "category is 12; VisDrone has the categories 0 to 11"),
        ("10,20,30,40,1,-1,0,0", "category is -1; VisDrone has the categories 0 to 11"),
        ("10,20,30,40,0.5,4,0,0", "score is 0.5; an annotation has 1, or 0"),
        ("10,20.5,30,40,0,0,0,0", "top is 20.5; an ignored region has whole numbers"),
    ],
)
def test_annotation_that_cannot_be_used(folder, row, message):
    (folder / "annotations" / "a.txt").write_text(row)
    with pytest.raises(DataError, match=message):
        annotations_of(folder)


def test_missing_and_extra_result_files(folder):
    (folder / "detections" / "b.txt").rename(folder / "detections" / "B.txt")
    with pytest.raises(DataError, match=r"1 of 2 images have no result file, the first is b\.txt; did you mean B\?"):
        detections_of(folder)
    (folder / "detections" / "b.txt").write_text(ROW)
    with pytest.raises(DataError, match=r"1 result files belong to no image, the first is B\.txt; did you mean b\?"):
        detections_of(folder)
    (folder / "detections" / "B.txt").unlink()
    (folder / "detections" / "notes.md").write_text("not a result")
    assert len(detections_of(folder)) == 2


def test_missing_folders(folder):
    with pytest.raises(MissingFileError, match=r"annotations: .*nowhere is no folder"):
        read_annotations(folder / "nowhere", sizes_file=folder / "sizes.txt")
    with pytest.raises(MissingFileError, match=r"detections: .*nowhere is no folder"):
        read_detections(folder / "nowhere", annotations_of(folder))
    with pytest.raises(MissingFileError, match=r"there is no file .*nowhere\.txt"):
        read_annotations(folder / "annotations", sizes_file=folder / "nowhere.txt")
    with pytest.raises(MissingFileError, match=r"images: .*nowhere is no folder"):
        read_annotations(folder / "annotations", images=folder / "nowhere")
    with pytest.raises(DataError, match="sizes of the images are needed"):
        read_annotations(folder / "annotations")
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="has no annotation files"):
        read_annotations(folder / "empty", sizes_file=folder / "sizes.txt")


def test_unreadable_file(folder):
    (folder / "annotations" / "c.txt").mkdir()
    with pytest.raises(DataError, match=r"c\.txt can't be read"):
        annotations_of(folder)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("a 100 80\n", "1 of 2 images have no size, the first is 'b'"),
        ("a 100 80\nb 120\n", "line 2: 'b 120'; expected 'name width height'"),
        ("a 100 80\nb 120 0\n", "line 2: 'b 120 0'; expected"),
        ("a 100 80\nb 120.5 90\n", r"line 2: 'b 120\.5 90'; expected"),
        ("a 100 80\nb 120 -90\n", "line 2: 'b 120 -90'; expected"),
        ("a 100 80\nb 120 90\na 100 81\n", r"line 3: 'a' has the sizes \(100, 80\) and \(100, 81\)"),
    ],
)
def test_sizes_that_cannot_be_used(folder, sizes, message):
    (folder / "sizes.txt").write_text(sizes)
    with pytest.raises(DataError, match=message):
        annotations_of(folder)


def test_sizes_come_from_images(folder):
    images = folder / "images"
    images.mkdir()
    Image.new("RGB", (100, 80)).save(images / "a.jpg")
    Image.new("L", (120, 90)).save(images / "b.PNG")
    (images / "readme.txt").write_text("")
    truth = read_annotations(folder / "annotations", images=images)
    assert truth.sizes.tolist() == [[100, 80], [120, 90]]
    assert truth.files == (images / "a.jpg", images / "b.PNG")
    both = read_annotations(folder / "annotations", images=images, sizes_file=folder / "sizes.txt")
    assert both.files == truth.files

    (folder / "sizes.txt").write_text("a 100 80\nb 90 120\n")
    with pytest.raises(DataError, match=r"'b' is listed with 90 x 120 pixels, but .*b\.PNG has 120 x 90; 1 of 2"):
        read_annotations(folder / "annotations", images=images, sizes_file=folder / "sizes.txt")
    (images / "b.PNG").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"b\.PNG is no readable image"):
        read_annotations(folder / "annotations", images=images)
    (images / "b.PNG").rename(images / "a.png")
    with pytest.raises(DataError, match=r"two images 'a': a\.jpg and a\.png"):
        read_annotations(folder / "annotations", images=images)
    (images / "a.png").unlink()
    with pytest.raises(DataError, match="1 of 2 annotated images are not there, the first is 'b'"):
        read_annotations(folder / "annotations", images=images)


def test_sizes_are_those_of_the_stored_pixels(folder):
    """As Matlab's imread sees them: a note on rotation in the EXIF block changes nothing."""
    images = folder / "images"
    images.mkdir()
    for name in ("a", "b"):
        image = Image.new("RGB", (64, 32))
        exif = image.getexif()
        exif[0x0112] = 6  # rotated by a quarter
        image.save(images / f"{name}.jpg", exif=exif)
    assert read_annotations(folder / "annotations", images=images).sizes.tolist() == [[64, 32], [64, 32]]


@pytest.mark.parametrize("case", packaged_cases()[::4], ids=lambda case: case.name)
def test_written_detections_are_read_back(tmp_path, case):
    truth, detections = load(case)
    order = np.lexsort((-detections.score, detections.image))
    write_detections(tmp_path / "out", truth, detections)
    again = read_detections(tmp_path / "out", truth)
    assert np.array_equal(again.image, detections.image[order])
    assert np.array_equal(again.boxes, detections.boxes[order])
    assert np.array_equal(again.category, detections.category[order])
    assert np.array_equal(again.score, detections.score[order])


def test_numbers_survive_writing_to_the_bit(tmp_path):
    truth, detections = draw_scene(8)
    random = np.random.default_rng(0)
    detections = replace(
        detections,
        boxes=random.random((len(detections), 4)).astype(np.float32).astype(np.float64) * 1e-3,
        score=random.random(len(detections)),
    )
    write_detections(tmp_path / "new" / "out", truth, detections)
    again = read_detections(tmp_path / "new" / "out", truth)
    order = np.lexsort((-detections.score, detections.image))
    assert np.array_equal(again.boxes, detections.boxes[order])
    assert np.array_equal(again.score, detections.score[order])


def test_image_without_detections_gets_a_row_that_no_metric_sees(tmp_path):
    truth, detections = draw_scene(8)
    rows = detections.image != 2
    fewer = replace(
        detections, **{name: getattr(detections, name)[rows] for name in ("image", "boxes", "category", "score")}
    )
    write_detections(tmp_path / "out", truth, fewer)
    assert (tmp_path / "out" / "p2.txt").read_text() == "0,0,1,1,0,0,-1,-1\n"
    order = np.lexsort((-fewer.score, fewer.image))
    by_score = replace(fewer, **{name: getattr(fewer, name)[order] for name in ("image", "boxes", "category", "score")})
    again = evaluate_visdrone(truth, read_detections(tmp_path / "out", truth))
    assert again.metrics == evaluate_visdrone(truth, by_score).metrics


def test_detections_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    truth, detections = draw_scene(8)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ArgumentError, match="full exists and is not empty; name a new or an empty folder"):
        write_detections(tmp_path / "full", truth, detections)
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["mine.txt"]

    original = Path.write_text

    def full_disk(self, *args, **kwargs):
        if self.name == "p2.txt":
            raise OSError(28, "No space left on device")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(ArgumentError, match="out can't be written: the disk is full"):
        write_detections(tmp_path / "out", truth, detections)
    assert [file.name for file in tmp_path.iterdir()] == ["full"]
