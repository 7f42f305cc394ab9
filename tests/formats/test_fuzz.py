# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every reader is given files that hypothesis makes up: it reads what stands in them, or ends in one error of ours.

The examples are always the same ones (``derandomize``), so that a failure here is no matter of luck.
"""

from __future__ import annotations

import json
import math
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ultralytics.data.utils import verify_image_label

from tests.data.convert.downloads import draw
from tests.formats.test_coco_files import INSTANCES, RESULTS
from yolo_fine.data.check.image_files import check_image
from yolo_fine.data.convert.file_tree import ZipTree
from yolo_fine.errors import YoloFineError
from yolo_fine.formats.coco_instances import parse_instances
from yolo_fine.formats.coco_results import read_results, write_results
from yolo_fine.formats.objects import Detections
from yolo_fine.formats.plain_numbers import read_table
from yolo_fine.formats.visdrone_files import read_detections, write_detections
from yolo_fine.formats.visdrone_rows import parse_annotations, parse_rows
from yolo_fine.formats.visdrone_sizes import listed_sizes
from yolo_fine.formats.yolo_labels import clip_far_boxes, label_text, read_labels
from yolo_fine.formats.yolo_layout import list_images, open_dataset
from yolo_fine.integration.versions import installed_version

fuzz = settings(
    derandomize=True, max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
newest = pytest.mark.skipif(installed_version() < (8, 4, 190), reason="older releases check labels in other ways")
few = settings(fuzz, max_examples=60)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n", ",\n", " \n", "\u2028", "\x0b"])
WORDS = st.one_of(
    st.integers(-5, 300).map(str),
    st.floats(-2, 2).map(str),
    st.sampled_from(["", " ", "nan", "-inf", "1e999", "1_0", "0x1", "+5", ".5", "5.", "-", "1-1", "1.1.1", "१", "\0"]),
    st.just("9" * 400),
)


def texts(separator: str, columns: int) -> st.SearchStrategy[str]:
    """Lines of about so many words."""
    plain = st.lists(st.integers(0, 12).map(str), min_size=columns, max_size=columns)
    odd = st.lists(WORDS, min_size=max(0, columns - 1), max_size=columns + 2)
    line = st.one_of(plain, plain, odd).map(separator.join)
    return st.lists(st.tuples(line, LINE_ENDS).map("".join), max_size=5).map("".join)


def taken(read, *arguments):
    """What a reader returns; None if it refuses, which it may do with our errors alone."""
    try:
        return read(*arguments)
    except YoloFineError as error:
        return None if str(error) else pytest.fail("an error without a message")


@fuzz
@given(texts(",", 8))
def test_visdrone_rows(text):
    rows = taken(parse_rows, [text.encode()], ["file"])
    if rows is None:
        return
    lines = [line.strip(b" \t") for line in text.encode().splitlines()]
    expected = [[float(word) for word in line.split(b",")[:8]] for line in lines if line]
    assert rows.values.tolist() == expected
    assert [lines[number - 1] for number in rows.line] == [line for line in lines if line]
    annotations = taken(parse_annotations, [text.encode()], ["file"])
    assert annotations is None or annotations.values.tolist() == expected


@fuzz
@given(st.lists(st.lists(st.decimals(-99999, 99999, places=3, allow_nan=False), min_size=3, max_size=3), min_size=1))
def test_plain_numbers_are_read_as_float_reads_them(rows):
    text = "".join(",".join(str(number) for number in row) + "\n" for row in rows)
    table = read_table(text.encode(), 3)
    assert table is not None
    assert table.tolist() == [[float(number) for number in row] for row in rows]


@fuzz
@given(st.lists(st.tuples(st.integers(-9, 99), st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
def test_long_numbers_and_exponents_are_read_too(rows):
    table = read_table("".join(f"{first},{second!r}\n" for first, second in rows).encode(), 2)
    assert table is not None
    assert table.tolist() == [list(row) for row in rows]


@fuzz
@given(st.text("0123456789-.,\n+eE", max_size=40))
def test_plain_numbers_are_read_right_or_not_at_all(text):
    table = read_table(text.encode(), 2)
    if table is not None:
        assert text.endswith("\n")
        assert table.tolist() == [[float(word) for word in line.split(",")] for line in text.splitlines()]


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    draw(folder / "images" / "a.png", 40, 30, 0)
    (folder / "labels").mkdir()
    return folder / "images" / "a.png"


@newest
@fuzz
@given(texts(" ", 5), st.sampled_from([(0, 0), (1, 2), (2, 2)]))
def test_yolo_labels(image, text, points):
    file = image.parents[1] / "labels" / "a.txt"
    file.write_bytes(text.encode())
    found = read_labels(file, 13, points[0] * points[1])
    stock = verify_image_label((str(image), str(file), "", False, 13, *points, False))
    if "_" in text or "१" in text:  # which float() reads, and some releases of NumPy don't
        return
    assert bool(found.faults) == (stock[0] is None), (found.faults, stock[-1])
    assert all(f"{file}, line " in fault or "can't be read" in fault for fault in found.faults)
    if not found.faults:
        assert sorted(found.rows.astype(np.float32).tolist()) == sorted(stock[1].tolist())


SHARES = st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4).map(lambda v: [v[0], v[1], abs(v[2]), abs(v[3])])


@newest
@fuzz
@given(st.lists(SHARES, max_size=5))
def test_cut_boxes_are_taken_by_stock(image, boxes):
    shares, cut = clip_far_boxes(np.array(boxes).reshape(-1, 4))
    kept = (shares[:, 2:].round(6) > 0).all(axis=1)
    file = image.parents[1] / "labels" / "a.txt"
    file.write_text(label_text([0] * int(kept.sum()), shares[kept]))
    stock = verify_image_label((str(image), str(file), "", False, 1, 0, 0, False))
    assert stock[0] is not None, stock[-1]
    assert not read_labels(file, 1).faults
    assert np.array_equal(shares[~cut], np.array(boxes).reshape(-1, 4)[~cut])


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 10), st.floats(), st.sampled_from([10**30, 10**400, "7", "x", "first"]),
    st.lists(st.integers(-3, 50) | st.none(), max_size=5), st.just({}),
)  # fmt: skip


def mutations(content):
    """A JSON value with one of its parts, anywhere, replaced or removed."""
    paths = []

    def walk(value, path):
        for key in value if isinstance(value, dict) else range(len(value)):
            paths.append((*path, key))
            if isinstance(value[key], (dict, list)):
                walk(value[key], (*path, key))

    walk(content, ())

    def change(path, value, remove):
        copy = json.loads(json.dumps(content))
        place = copy
        for key in path[:-1]:
            place = place[key]
        if remove:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        return copy

    return st.builds(change, st.sampled_from(paths), VALUES, st.integers(0, 5).map(lambda n: n == 0))


@fuzz
@given(mutations(INSTANCES))
def test_coco_instances(content):
    truth = taken(parse_instances, json.dumps(content).encode(), "file")
    if truth is None:
        return
    assert len(truth) == len(content["annotations"])
    expected = sorted([str(row["image_id"]), *map(float, row["bbox"])] for row in content["annotations"])
    names = [str(truth.ids[truth.names[i]]) for i in truth.image]
    assert sorted([name, *box] for name, box in zip(names, truth.boxes.tolist(), strict=True)) == [
        [str(int(float(row[0]))) if row[0].replace(".", "").isdigit() else row[0], *row[1:]] for row in expected
    ]
    assert np.isfinite(truth.area).all()


@fuzz
@given(mutations(RESULTS) | mutations([{**row, "category_name": "car"} for row in RESULTS]))
def test_coco_results(tmp_path_factory, content):
    truth = parse_instances(json.dumps(INSTANCES).encode(), "file")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        file.write_text(json.dumps(content))
        found = taken(read_results, file, truth)
        if found is None:
            return
        assert sorted(found.score.tolist()) == sorted(float(row["score"]) for row in content)
        assert set(found.category.tolist()) <= {*truth.classes, *(row["category_id"] for row in content)}
        write_results(file, truth, found)
        again = read_results(file, truth)
    for column in ("image", "boxes", "category", "score"):
        assert np.array_equal(getattr(again, column), getattr(found, column))


def cut(text: str) -> st.SearchStrategy[str]:
    """A text with some of its characters removed or replaced."""
    place, length = st.integers(0, len(text)), st.integers(0, 5)
    put_in = st.text('[]{}",:0123456789.-eE \n\\', max_size=3)
    return st.builds(lambda at, count, new: text[:at] + new + text[at + count :], place, length, put_in)


@fuzz
@given(st.text(max_size=30) | cut(json.dumps(RESULTS)) | cut(json.dumps(INSTANCES)))
def test_text_that_is_nearly_json(text):
    try:
        expected = json.loads(text)
    except (ValueError, RecursionError):
        expected = None
    truth = taken(parse_instances, text.encode("utf-8", "surrogatepass"), "file")
    if expected is None:
        assert truth is None
    elif truth is not None:
        assert len(truth) == len(expected["annotations"])


@settings(fuzz, max_examples=8)
@given(st.lists(st.tuples(st.sampled_from(["{", "}", "[", "]", ",", '"a"', ":", "1", " "])).map("".join), max_size=12))
def test_long_lists_are_read_in_parts(pieces):
    """What stands between objects may look like the end of one: the parts are those of the whole."""
    noise = "".join(pieces)
    rows = [{"id": n, "image_id": 7, "category_id": 2, "bbox": [n, 2, 3, 4], "note": f"}}, {{{noise}", "more": [{}, {}]}
            for n in range(9000)]  # fmt: skip
    content = json.dumps({**INSTANCES, "annotations": rows, "z": [{}, {"a": [{}, {}]}]}).encode()
    truth = parse_instances(content, "file")
    assert truth.boxes[:, 0].tolist() == list(range(9000))


@fuzz
@given(texts(" ", 3))
def test_sizes(text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sizes.txt"
        file.write_bytes(text.encode())
        sizes = taken(listed_sizes, file, ())
        assert sizes is None or sizes.shape == (0, 2)


KEYS = st.sampled_from(["path", "train", "val", "names", "nc", "channels", "kpt_shape"])
PLAIN = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["images", "../images", "", "x"])


def collections(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 2) | st.just("a"), inner, max_size=3)


@few
@given(st.recursive(PLAIN, collections, max_leaves=4), KEYS)
def test_dataset_yamls(value, key):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "images").mkdir()
        content = {"path": folder, "train": "images", "val": "images", "names": ["a", "b"], key: value}
        file = Path(folder) / "data.yaml"
        file.write_text(json.dumps(content))
        dataset = taken(open_dataset, file)
        if dataset is not None:
            assert all(isinstance(name, str) for name in dataset.classes.values())


LINES = st.sampled_from(["a.jpg", "./a.jpg", "b.png ", "", "  ", "c", ".jpg", "\ufeffa.jpg", "d.txt", "e.JPG\r"])


@few
@given(st.lists(LINES, max_size=6))
def test_lists_of_images(lines):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "list.txt"
        file.write_text("\n".join(lines), encoding="utf-8")
        split = taken(list_images, [str(file)])
        assert split is not None
        given_lines = [line for line in "\n".join(lines).splitlines() if line.strip()]
        assert len(split.images) + len(split.dropped) == len(given_lines)


@few
@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"RIFF\0\0\0\0WEBP"]),
)
def test_images(content, start):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "image.png"
        file.write_bytes(start + content)
        assert check_image(file).fault


@few
@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_archives(place, damage):
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "a.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("annotations/a.txt", b"1,2,3,4,1,4,0,0\n" * 5)
        content = archive.read_bytes()
        archive.write_bytes(content[:place] + damage + content[place + len(damage) :])
        tree = taken(ZipTree, archive)
        for name in tree.sizes if tree is not None else ():
            text = taken(tree.read, name)
            assert text is None or len(text) <= tree.sizes[name]


COORDINATES = st.floats(0, 1e6)
BOXES = st.lists(
    st.tuples(COORDINATES, COORDINATES, COORDINATES, COORDINATES, st.floats(0, 1), st.integers(0, 11)), max_size=6
)


@few
@given(BOXES)
def test_written_detections_come_back(boxes):
    truth = parse_instances(json.dumps(INSTANCES).encode(), "file")
    columns = np.array(boxes, dtype=np.float64).reshape(-1, 6)
    image = np.sort(np.arange(len(boxes)) % 3)
    found = Detections(image, columns[:, :4], columns[:, 5].astype(np.int64), columns[:, 4])
    with tempfile.TemporaryDirectory() as folder:
        write_results(Path(folder) / "found.json", truth, found)
        again = read_results(Path(folder) / "found.json", truth)
        flat = truth.names[1].replace("/", "-")
        renamed = type(truth)(**{**vars(truth), "names": (truth.names[0], flat, truth.names[2])})
        write_detections(Path(folder) / "found", renamed, found)
        rows = read_detections(Path(folder) / "found", renamed)
    assert np.array_equal(again.boxes, found.boxes)
    assert np.array_equal(again.score, found.score)
    kept = rows.boxes[rows.score > 0]
    order = np.lexsort((-found.score, found.image))
    assert np.array_equal(kept, found.boxes[order][found.score[order] > 0])
    assert not any(math.isnan(score) for score in rows.score)
