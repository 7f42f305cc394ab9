# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import contextlib
import copy
import io
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.coco.cases import mean, random_case
from yolo_fine.errors import DataError, MissingFileError, YoloFineError
from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.formats.coco_files import read_instances, read_results, write_results
from yolo_fine.formats.objects import Detections

INSTANCES = {
    "images": [
        {"id": 7, "file_name": "b/second.jpg", "width": 640, "height": 480},
        {"id": 3, "file_name": "first.png", "width": 100, "height": 50},
        {"id": 9, "file_name": "empty.jpg", "width": 10, "height": 20},
    ],
    "categories": [{"id": 2, "name": "car"}, {"id": 5, "name": "bus"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, 2, 30, 40], "area": 900.5, "iscrowd": 0},
        {"id": 2, "image_id": 3, "category_id": 2, "bbox": [-5, 0, 200.25, 10], "area": 2000, "iscrowd": 1},
        {"id": 3, "image_id": 7, "category_id": 2, "bbox": [0, 0, 8, 8]},
    ],
}
RESULTS = [
    {"image_id": 7, "category_id": 5, "bbox": [1, 2, 30, 40], "score": 0.25},
    {"image_id": 3, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5},
    {"image_id": 7, "category_id": 2, "bbox": [0, 0, 8, 8], "score": 0.75},
]


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="file.json"):
        file = tmp_path / name
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return file

    return write_file


@pytest.fixture
def truth(write):
    return read_instances(write(INSTANCES, "instances.json"))


def yolo_truth(names=("car", "bus", "van"), images=("a/0001", "b/two")):
    truth, _ = random_case(0, images=len(images))
    columns = {name: getattr(truth, name)[:0] for name in ("image", "boxes", "category", "area", "crowd")}
    return replace(truth, **columns, names=tuple(images), classes=dict(enumerate(names)))


def result(**changes):
    return {"image_id": "two", "category_id": 0, "bbox": [1, 2, 3, 4], "score": 0.5, **changes}


def test_instances(truth):
    assert truth.names == ("first", "b/second", "empty")  # by id
    assert truth.ids == {"first": 3, "b/second": 7, "empty": 9}
    assert truth.sizes.tolist() == [[100, 50], [640, 480], [10, 20]]
    assert truth.classes == {2: "car", 5: "bus"}
    assert truth.image.tolist() == [0, 1, 1]
    assert truth.boxes.tolist() == [[-5, 0, 200.25, 10], [1, 2, 30, 40], [0, 0, 8, 8]]
    assert truth.category.tolist() == [2, 5, 2]
    assert truth.area.tolist() == [2000, 900.5, 64]  # the last has none in the file
    assert truth.crowd.tolist() == [True, False, False]
    assert truth.files is None


def test_images_beside_instances(write, tmp_path):
    file = write(INSTANCES)
    (tmp_path / "b").mkdir()
    for name in ("first.png", "b/second.jpg", "empty.jpg"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    read = read_instances(file, images=tmp_path)
    assert read.files == (tmp_path / "first.png", tmp_path / "b/second.jpg", tmp_path / "empty.jpg")
    (tmp_path / "empty.jpg").unlink()
    with pytest.raises(DataError, match=r"images\[2\]: there is no image .*empty.jpg"):
        read_instances(file, images=tmp_path)


def test_results(write, truth):
    found = read_results(write(RESULTS), truth)
    assert found.image.tolist() == [0, 1, 1]
    assert found.score.tolist() == [0.5, 0.25, 0.75]  # file order within an image
    assert found.category.tolist() == [2, 5, 2]
    assert found.boxes[1].tolist() == [1, 2, 30, 40]


def test_an_empty_list_is_no_detection(write, truth):
    assert len(read_results(write([]), truth)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_read_files_give_the_metrics_of_pycocotools(seed, tmp_path):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, found = random_case(seed, images=8)
    rng = np.random.default_rng(seed)
    ids = rng.choice(1000, len(truth.names), replace=False).tolist()
    content = {
        "images": [
            {"id": ids[i], "file_name": f"{name}.jpg", "width": 300, "height": 300}
            for i, name in enumerate(truth.names)
        ],
        "categories": [{"id": number, "name": name} for number, name in {**truth.classes, 99: "other"}.items()],
        "annotations": [
            {
                "id": i + 1,
                "image_id": ids[truth.image[i]],
                "category_id": int(truth.category[i]),
                "bbox": truth.boxes[i].tolist(),
                "area": float(truth.area[i]),
                "iscrowd": int(truth.crowd[i]),
            }
            for i in rng.permutation(len(truth)).tolist()
        ],
    }
    rows = [
        {
            "image_id": ids[found.image[i]],
            "category_id": int(found.category[i]),
            "bbox": found.boxes[i].tolist(),
            "score": float(found.score[i]),
        }
        for i in rng.permutation(len(found)).tolist()
    ]
    (tmp_path / "instances.json").write_text(json.dumps(content))
    (tmp_path / "results.json").write_text(json.dumps(rows))
    with contextlib.redirect_stdout(io.StringIO()):
        objects = COCO(tmp_path / "instances.json")
        evaluator = COCOeval(objects, objects.loadRes(str(tmp_path / "results.json")), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
    precision, recall = evaluator.eval["precision"], evaluator.eval["recall"]
    read = read_instances(tmp_path / "instances.json")
    metrics = evaluate_coco(
        read, read_results(tmp_path / "results.json", read), parse_sizes("coco"), max_det=100
    ).metrics
    assert metrics["AP"] == pytest.approx(mean(precision[:, :, :, 0, -1]), abs=1e-9)
    assert metrics["AP_small"] == pytest.approx(mean(precision[:, :, :, 1, -1]), abs=1e-9)
    assert metrics["AR_medium"] == pytest.approx(mean(recall[:, :, 2, -1]), abs=1e-9)
    assert metrics["AR1"] == pytest.approx(mean(recall[:, :, 0, 0]), abs=1e-9)


# --- which image --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "image"),
    [
        ({"image_id": "two"}, 1),
        ({"image_id": "b/two"}, 1),
        ({"image_id": 1}, 0),  # Ultralytics writes the numeric name 0001 as a number
        ({"image_id": "0001"}, 0),
        ({"image_id": 55, "file_name": "two.jpg"}, 1),
        ({"image_id": "b/two.jpg"}, 1),  # a file name in its place
        ({"image_id": "1"}, 0),  # a number that another tool made a text
        ({"image_id": 1, "file_name": "b\\two.jpg"}, 1),
    ],
)
def test_images_by_name(write, row, image):
    found = read_results(write([result(**row)]), yolo_truth(), first_category=0)
    assert found.image.tolist() == [image]


@pytest.mark.parametrize("as_type", [str, int])
def test_numbers_and_texts_are_one_id(as_type, write, truth):
    """Where only one side has turned the ids into texts."""
    other = int if as_type is str else str
    texts = {**INSTANCES, "images": [{**image, "id": other(image["id"])} for image in INSTANCES["images"]]}
    texts["annotations"] = [{**row, "image_id": other(row["image_id"])} for row in INSTANCES["annotations"]]
    found = [{**row, "image_id": as_type(row["image_id"])} for row in RESULTS]
    ours = read_results(write(found), read_instances(write(texts, "texts.json")))
    assert ours.image.tolist() == read_results(write(RESULTS), truth).image.tolist()


def test_file_name_goes_before_id(write, truth):
    assert read_results(write([result(image_id=9, category_id=2, file_name="first.png")]), truth).image.tolist() == [0]


def test_one_name_in_two_folders_is_refused(write):
    truth = yolo_truth(images=("a/one", "b/one"))
    with pytest.raises(DataError, match="image 'one' may be a/one or b/one"):
        read_results(write([result(image_id="one")]), truth)
    assert read_results(write([result(image_id="b/one")]), truth).image.tolist() == [1]


# --- which category -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "extra", "expected"),
    [
        ([0, 1], {}, [0, 1]),
        ([0], {"file_name": "two.jpg"}, [0]),
        ([1, 3], {}, [0, 2]),
        ([1, 2], {"file_name": "two.jpg"}, [0, 1]),
    ],
)
def test_zero_or_one_based(write, numbers, extra, expected):
    rows = [result(category_id=number, **extra) for number in numbers]
    assert read_results(write(rows), yolo_truth()).category.tolist() == expected


def test_what_could_be_either_is_refused(write):
    file = write([result(category_id=1), result(category_id=2)])
    with pytest.raises(
        DataError, match=r"numbered 1, 2, and in .* 0 car.*first_category=0 \(as they stand.* or first_category=1"
    ):
        read_results(file, yolo_truth())
    assert read_results(file, yolo_truth(), first_category=0).category.tolist() == [1, 2]
    assert read_results(file, yolo_truth(), first_category=1).category.tolist() == [0, 1]


@pytest.mark.parametrize("numbers", [[0, 3], [4], [90]])
def test_unknown_category_names_the_known(write, numbers):
    with pytest.raises(DataError, match=r"unknown category_id \d+; known are .*car, .*bus, .*van|may be numbered"):
        read_results(write([result(category_id=number) for number in numbers]), yolo_truth())


def test_categories_of_instances_are_taken_as_they_stand(write, truth):
    with pytest.raises(DataError, match=r"results\[0\]: unknown category_id 90; known are 2 car, 5 bus"):
        read_results(write([{**RESULTS[0], "category_id": 90}]), truth)
    with pytest.raises(DataError, match=r"numbered 0, and in the annotations 2 car, 5 bus.*first_category=0"):
        read_results(write([{**RESULTS[0], "category_id": 0}]), truth)
    shifted = read_results(write([{**RESULTS[0], "category_id": 1}]), truth, first_category=0)
    assert shifted.category.tolist() == [5]


def test_category_name_decides(write):
    found = read_results(write([result(category_id=1, category_name="van")]), yolo_truth())
    assert found.category.tolist() == [2]
    with pytest.raises(DataError, match="unknown category_name 'cars'; did you mean car"):
        read_results(write([result(category_name="cars")]), yolo_truth())


# --- round trip -----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [{0: "a", 1: "b", 2: "c"}, {1: "a", 2: "b"}, {4: "a"}])
@pytest.mark.parametrize("seed", range(4))
def test_written_results_come_back(classes, seed, tmp_path):
    truth, found = random_case(seed)
    rng = np.random.default_rng(seed)
    truth = replace(truth, classes=classes)
    numbers = [*classes, 11][1:] if seed % 2 else [*classes, 11]  # 11 is not evaluated; the first class may not occur
    found = replace(found, category=rng.choice(numbers, len(found)), boxes=found.boxes * rng.random() / 3)
    write_results(tmp_path / "out" / "found.json", truth, found)
    back = read_results(tmp_path / "out" / "found.json", truth)
    for name, column in vars(found).items():
        assert np.array_equal(getattr(back, name), column), name


def test_written_results_know_ids(truth, tmp_path):
    found = Detections(np.array([1]), np.array([[1.0, 2, 3, 4]]), np.array([5]), np.array([0.5]))
    write_results(tmp_path / "found.json", truth, found)
    assert json.loads((tmp_path / "found.json").read_text()) == [
        {"image_id": 7, "category_id": 5, "category_name": "bus", "bbox": [1, 2, 3, 4], "score": 0.5}
    ]
    nothing = Detections(*(column[:0] for column in vars(found).values()))
    write_results(tmp_path / "found.json", truth, nothing)
    assert len(read_results(tmp_path / "found.json", truth)) == 0


# --- what is wrong --------------------------------------------------------------------------------


def changed(content, path, value):
    """A copy with one value replaced, or removed if it is ``...``."""
    content = copy.deepcopy(content)
    place = content
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["images"], ..., "has no 'images'"),
        (["images"], {}, r"images must be a list, not \{\}"),
        (["images", 1], 3, r"images\[1\]: an object in braces is expected, not 3"),
        (["images", 1, "id"], ..., r"images\[1\]: no 'id'"),
        (["images", 1, "id"], 7, r"images\[1\]: 'id' 7 is taken by images\[0\]"),
        (["images", 1, "id"], "x", r"images\[1\]: 'id' is 'x', and that of images\[0\] 7; make all"),
        (["images", 1, "file_name"], "b/second.jpg", r"'file_name' 'b/second.jpg' is taken by images\[0\]"),
        (
            ["images", 1, "file_name"],
            "b/second.png",
            r"'b/second.png' and 'b/second.jpg' of images\[0\] differ in nothing",
        ),
        (["images", 1, "file_name"], None, r"images\[1\]: 'file_name' must be a text, not null"),
        (["images", 1, "width"], ..., r"images\[1\]: no 'width'"),
        (["images", 1, "width"], 0, r"images\[1\]: an image of 0x50 pixels"),
        (["categories", 0, "id"], 5, r"categories\[1\]: 'id' 5 is taken by categories\[0\]"),
        (["categories", 0, "name"], "bus", r"categories\[1\]: 'name' 'bus' is taken by categories\[0\]"),
        (["annotations", 2, "image_id"], 4, r"annotations\[2\]: image_id 4 is not among the 3 images"),
        (["annotations", 2, "category_id"], 4, r"annotations\[2\]: category_id 4 is not among .*\[2, 5\]"),
        (["annotations", 2, "bbox"], [1, 2, 3], r"annotations\[2\]: 'bbox' must be four numbers .*\[1, 2, 3\]"),
        (["annotations", 2, "bbox"], [1, 2, 3, "4"], r"annotations\[2\]: 'bbox' must be four numbers"),
        (["annotations", 2, "bbox"], [1, 2, 3, True], r"annotations\[2\]: 'bbox' must be four numbers"),
        (["annotations", 2, "bbox"], [1, 2, -3, 4], r"annotations\[2\]: 'bbox' has a negative width or height"),
        (["annotations", 2, "bbox"], [1, 2, float("nan"), 4], r"annotations\[2\]: 'bbox' must be finite"),
        (["annotations", 2, "bbox"], [1, 2, 10**400, 4], r"annotations\[2\]: 'bbox' must be finite"),
        (["annotations", 2, "bbox"], [-1e10, 2, 3, 4], r"annotations\[2\]: 'bbox' is beyond any image: \[-1"),
        (["annotations", 1, "area"], -1, r"annotations\[1\]: 'area' must not be negative, and is -1"),
        (["annotations", 1, "area"], "9", r"annotations\[1\]: 'area' must be a number, not \"9\""),
        (["annotations", 1, "iscrowd"], 2, r"annotations\[1\]: 'iscrowd' must be 0 or 1, not 2"),
    ],
)
def test_wrong_instances(write, path, value, message):
    with pytest.raises(DataError, match=message) as error:
        read_instances(write(changed(INSTANCES, path, value)))
    assert "file.json" in str(error.value)


@pytest.mark.parametrize(("first", "written"), [(1, 0), (0, 3)])
def test_images_counted_from_another_number_are_asked_about(write, first, written):
    content = copy.deepcopy(INSTANCES)
    numbers = {7: first, 3: first + 1, 9: first + 2}
    for key, entries in (("id", content["images"]), ("image_id", content["annotations"])):
        for entry in entries:
            entry[key] = numbers[entry[key]]
    truth = read_instances(write(content, "instances.json"))
    results = write([{**RESULTS[0], "image_id": written}])
    with pytest.raises(DataError, match=f"image {written} .*: do the results count images from {1 - first}\\?"):
        read_results(results, truth)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ([1], [], r"results\[1\]: an object in braces is expected, not \[\]"),
        ([1, "score"], ..., r"results\[1\]: no 'score'; it has image_id, category_id, bbox"),
        ([1, "score"], float("nan"), r"results\[1\]: 'score' must be finite, not NaN"),
        ([1, "score"], float("inf"), r"results\[1\]: 'score' must be finite, not Infinity"),
        ([1, "score"], None, r"results\[1\]: 'score' must be a number, not null"),
        ([1, "bbox"], ..., r"results\[1\]: no 'bbox'"),
        ([1, "bbox"], [1, 2, 3, -4], r"results\[1\]: 'bbox' has a negative width or height"),
        ([1, "image_id"], 8, r"results\[1\]: image 8 is not among the 3 annotated ones"),
        ([1, "image_id"], 8, r"\(the first is 3\)$"),
        ([1, "image_id"], "secnd", r"results\[1\]: image 'secnd' is not among"),
        ([1, "image_id"], None, r"results\[1\]: no 'image_id'"),
        ([1, "category_id"], 1.5, r"results\[1\]: 'category_id' must be a whole number from 0 up, not 1.5"),
        ([1, "category_id"], -1, r"results\[1\]: 'category_id' must be a whole number from 0 up, not -1"),
    ],
)
def test_wrong_results(write, truth, path, value, message):
    with pytest.raises(DataError, match=message) as error:
        read_results(write(changed(RESULTS, path, value)), truth)
    assert "file.json" in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "  \n", "{", "[1,", "null", "3", '"x"', "[" * 100000, "\ufeff", "[9" + "9" * 9999]
)
def test_what_is_no_json_of_ours(write, truth, text):
    with pytest.raises(DataError, match=r"file\.json"):
        read_instances(write(text))
    with pytest.raises(DataError, match=r"file\.json"):
        read_results(write(text), truth)


def test_the_other_kind_of_file(write, truth):
    with pytest.raises(DataError, match="holds a list, as of results"):
        read_instances(write(RESULTS))
    with pytest.raises(DataError, match="holds one object; results are a list"):
        read_results(write(INSTANCES), truth)


def test_missing_file_and_bytes_that_are_no_text(tmp_path, truth):
    (tmp_path / "results.json").write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(DataError, match="can't be read"):
        read_results(tmp_path / "results.json", truth)
    with pytest.raises(MissingFileError, match=r"did you mean results\.json"):
        read_results(tmp_path / "result.json", truth)


NAMED_RESULTS = [
    {**RESULTS[0], "category_name": "bus"},
    {**RESULTS[1], "file_name": "first.png"},
    {**RESULTS[2], "category_name": None},
]
VALUES = [None, True, -1, 0, 1, 2, 5, 7, 3.0, 1.5, "x", "first", "7", [], [1], {}, float("nan"), 1e308, 10**30, 10**400]


def mutate(content, rng):
    """One to three values replaced or removed, anywhere."""
    content = copy.deepcopy(content)
    for _ in range(rng.randint(1, 3)):
        place = content
        for _ in range(rng.randint(0, 3)):
            inner = [value for value in (place.values() if isinstance(place, dict) else place) if value]
            inner = [value for value in inner if isinstance(value, (dict, list))]
            if not inner:
                break
            place = rng.choice(inner)
        if not place:
            continue
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if rng.random() < 0.2:
            del place[key]
        else:
            place[key] = rng.choice(VALUES)
    return content


def test_mutated_files_are_read_right_or_refused(write, truth):
    rng = random.Random(0)
    refused = 0
    for _ in range(600):
        instances, results = mutate(INSTANCES, rng), mutate(rng.choice([RESULTS, NAMED_RESULTS]), rng)
        try:
            read = read_instances(write(instances))
            assert len(read) == len(instances["annotations"])
            expected = sorted((row["image_id"], *map(float, row["bbox"])) for row in instances["annotations"])
            ids = [read.ids[name] for name in read.names]
            got = sorted((ids[p], *box) for p, box in zip(read.image, read.boxes.tolist(), strict=True))
            assert got == expected
            assert np.isfinite(read.area).all()
        except YoloFineError:
            refused += 1
        try:
            found = read_results(write(results), truth)
            assert sorted(found.score.tolist()) == sorted(float(row["score"]) for row in results)
            by_name = {"car": 2, "bus": 5, None: None}
            expected = [by_name[row.get("category_name")] or row["category_id"] for row in results]
            assert sorted(found.category.tolist()) == sorted(expected)
            assert np.isfinite(found.boxes).all()
        except YoloFineError:
            refused += 1
    assert 200 < refused < 1150


def test_cut_and_scrambled_text_is_read_right_or_refused(write, truth):
    rng = random.Random(1)
    text = json.dumps(RESULTS)
    whole = read_results(write(text), truth)
    for _ in range(600):
        cut = list(text)
        for _ in range(rng.randint(1, 4)):
            cut[rng.randrange(len(cut))] = rng.choice('0123456789.-+eE[]{}",: \n\\xN')
        if rng.random() < 0.3:
            cut = cut[: rng.randrange(len(cut))]
        with contextlib.suppress(YoloFineError):
            found = read_results(write("".join(cut)), truth)
            assert len(found) == len(json.loads("".join(cut))) <= len(whole)
