# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page as a file: complete, self-contained, escaped, of bounded size, with sections where there is something."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.evaluation.report.scene import CLASSES, make_detections, make_evaluation, make_images, make_truth
from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.report.crops import read_image
from yolo_fine.evaluation.report.in_words import in_words
from yolo_fine.evaluation.report.page import write_report
from yolo_fine.evaluation.result import Evaluation
from yolo_fine.formats.objects import Detections

HOSTILE = ['"><img src=x onerror=alert(1)>', "</script><script>alert(2)</script>", "' onmouseover='alert(3)", "d"]
VOID = {"meta", "img", "input", "br"}


class Page(HTMLParser):
    """Elements, their attributes and their text; fails on elements that don't close in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag in {"option", "p", "li", "path", "rect"} and self.open[-1] != tag:
            return
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def sections(self):
        return [attributes["id"] for tag, attributes in self.elements if tag == "section"]

    def cards(self):
        return [attributes for tag, attributes in self.elements if attributes.get("class") == "miss"]


def write(folder, truth, detections, evaluation=None, **options):
    file = folder / "report.html"
    write_report(file, evaluation or make_evaluation(truth, detections), truth, detections, **options)
    text = file.read_text(encoding="utf-8")
    return Page(text), text


def test_hostile_names_never_become_markup(tmp_path):
    page, text = write(tmp_path, make_truth(HOSTILE, make_images(tmp_path, 4)), make_detections(4))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,"), tag
    assert set(HOSTILE) <= {attributes["title"] for tag, attributes in page.elements if "title" in attributes}
    assert {*CLASSES.values(), *HOSTILE} <= set(page.texts)
    assert text.count("<title>") > 10  # of charts too, so class names went through there


def test_asks_for_nothing_from_outside(tmp_path):
    page, text = write(tmp_path, make_truth(["a"], make_images(tmp_path, 1)), make_detections(1))
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "srcset", "poster", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:image/jpeg;base64,"))
    assert "default-src 'none'" in text
    assert not re.search(r"://|url\(|@import", text)


def test_sixty_crops_stay_below_five_megabytes(tmp_path):
    files = make_images(tmp_path, 12, noise=True)  # noise is what JPEG can do least about
    page, text = write(tmp_path, make_truth([f"p{i}" for i in range(12)], files), make_detections(12))
    assert len(page.cards()) == 60
    assert len([tag for tag, _ in page.elements if tag == "img"]) == 60
    assert len(text) < 5e6
    page, _ = write(tmp_path, make_truth([f"p{i}" for i in range(12)], files), make_detections(12), misses=7)
    assert len(page.cards()) == 7


def test_the_outcome_stands_on_top_in_words(tmp_path):
    truth, detections = make_truth(["a", "b"]), make_detections(2)
    evaluation = make_evaluation(truth, detections)
    text = in_words(evaluation)
    page, _ = write(tmp_path, truth, detections, evaluation)
    assert text in page.texts
    ap, small = evaluation.coco["AP"], evaluation.sizes[0]
    assert text.startswith(f"AP {100 * ap:.1f} % ({90 * ap:.1f} to {110 * ap:.1f} at 95 %), {100 * small.AP:.1f} % for")
    assert f"official VisDrone AP {evaluation.visdrone['AP']:.1f} %" in text
    assert f"Slices give {100 * (ap - evaluation.whole.coco['AP']):+.1f} points over whole images, at 3.6 times" in text
    assert text.endswith("Against b>/eval.json: COCO AP +2.00 points, beyond noise.")
    assert in_words(Evaluation({"AP": None}, None, [], {}, {})) == ""
    plain = dataclasses.replace(evaluation, intervals={}, whole=None, comparison=None, visdrone=None)
    assert (
        in_words(plain) == f"AP {100 * ap:.1f} %, {100 * small.AP:.1f} % for small objects ({small.objects} of them)."
    )


def test_every_image_is_held_once_whole_with_all_its_boxes(tmp_path):
    page, _ = write(tmp_path, make_truth(["a", "b"], make_images(tmp_path, 2)), make_detections(2))
    held = [attributes for _, attributes in page.elements if "data-src" in attributes]
    assert [(one["data-image"], one["data-name"]) for one in held] == [("0", "a"), ("1", "b")]
    assert all(one["data-src"].startswith("data:image/jpeg;base64,") for one in held)
    assert {card["data-image"] for card in page.cards()} == {"0", "1"}
    kinds = [attributes["class"] for tag, attributes in page.elements if tag == "rect" and "class" in attributes]
    assert kinds.count("region") == 4  # the ignored region and "others" of each image
    assert kinds.count("here") == 2


def test_every_crop_says_what_it_shows(tmp_path):
    page, _ = write(tmp_path, make_truth(["a"], make_images(tmp_path, 1)), make_detections(1))
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert images
    assert all(attributes["alt"].endswith(", in a") for attributes in images)
    assert any(attributes["alt"].startswith("wrong class: detected: car") for attributes in images)


def test_images_that_are_not_at_hand_leave_the_boxes(tmp_path):
    page, text = write(tmp_path, make_truth(["a"]), make_detections(1))
    assert "The images are not available: boxes only." in text
    assert len(page.cards()) == 6
    assert [tag for tag, _ in page.elements].count("img") == 0
    gone = make_truth(["a"], [tmp_path / "gone.png"])
    page, _ = write(tmp_path, gone, make_detections(1))
    assert [attributes["aria-label"] for tag, attributes in page.elements if attributes.get("class") == "blank"]


def test_a_image_is_turned_as_the_annotations_are_or_not_taken(tmp_path):
    import cv2

    upright = np.zeros((20, 40, 3), np.uint8)
    plain = cv2.imencode(".jpg", upright)[1].tobytes()
    exif = bytes.fromhex("ffe1002245786966000049492a0008000000010012010300010000000600000000000000")
    (tmp_path / "turned.jpg").write_bytes(plain[:2] + exif + plain[2:])
    assert read_image(tmp_path / "turned.jpg", (20, 40)).shape == (40, 20, 3)
    assert read_image(tmp_path / "turned.jpg", (40, 20)).shape == (20, 40, 3)
    assert read_image(tmp_path / "turned.jpg", (30, 30)) is None
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert read_image(tmp_path / "empty.jpg", (30, 30)) is None


def test_only_sections_with_content(tmp_path):
    truth, detections = make_truth(["a", "b"]), make_detections(2)
    page, _ = write(tmp_path, truth, detections)
    assert page.sections() == [
        "metrics", "sizes", "sliced", "comparison", "curves", "classes", "confusion", "errors", "misses", "times",
        "manifest",
    ]  # fmt: skip
    bare = Evaluation({"AP": None}, None, [], {}, {})
    page, _ = write(tmp_path, truth, detections, bare)
    assert page.sections() == ["metrics", "misses"]


@pytest.mark.parametrize("sizes", ["aitod", "4,8,12,16,24,32,48"])
def test_other_size_bins(tmp_path, sizes):
    truth, detections = make_truth(["a", "b"]), make_detections(2)
    page, _ = write(tmp_path, truth, detections, make_evaluation(truth, detections, sizes))
    used = {int(card["data-size"]) for card in page.cards()}
    assert len(used) >= 2
    assert "from 32 px" in page.texts or "from 48 px" in page.texts


def test_no_detections_and_no_objects(tmp_path):
    truth = make_truth(["a"])
    none = Detections(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    page, _ = write(tmp_path, truth, none)
    assert {card["data-kind"] for card in page.cards()} == {"missed"}


def test_a_page_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    truth, detections = make_truth(["a"]), make_detections(1)
    _, before = write(tmp_path, truth, detections)
    broken = make_evaluation(truth, detections)
    broken.errors = {"delta_ap": {"Cls": "much"}}
    with pytest.raises(TypeError):
        write(tmp_path, truth, detections, broken)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="can't be written"):
        write_report(tmp_path / "file" / "report.html", make_evaluation(truth, detections), truth, detections)


def test_many_classes(tmp_path):
    """As many as COCO has: a dense confusion matrix, and colours that come again with other dashes."""
    truth, detections = make_truth(["a"]), make_detections(1)
    classes = {**truth.classes, **{number: f"class {number}" for number in range(20, 97)}}
    truth = dataclasses.replace(truth, classes=classes)
    _, text = write(tmp_path, truth, detections)
    assert 'class="confusion dense"' in text
    assert len(text) < 5e5
