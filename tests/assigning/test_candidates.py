# SPDX-License-Identifier: AGPL-3.0-or-later
"""Candidates counted by intervals: by hand, as the stock assigner, and as a plain loop over anchors."""

from __future__ import annotations

import numpy as np
import pytest

from yolo_fine.assigning import assumptions
from yolo_fine.assigning.candidates import contested, count_candidates, letterboxed, spans
from yolo_fine.assigning.rules import make_rule
from yolo_fine.errors import ArgumentError, UpstreamError
from yolo_fine.integration.stock_assigner import agrees_with_stock, stock_rule

HEADS = {"P3-P5": [8, 16, 32], "P2-P5": [4, 8, 16, 32]}
BOXES = {
    "A": [6, 6, 10, 10],
    "B": [14, 14, 18, 18],
    "C": [9, 9, 11, 11],
    "D": [12, 12, 24, 24],
    "E": [8, 10, 12, 30],
    "F": [16, 16, 32, 32],
}
BY_HAND = {
    ("P3-P5", "8.3"): ["0 1 0", "0 0 1", "0 0 0", "1 0 1", "0 0 0", "4 1 0"],
    ("P3-P5", "8.4.0"): ["4 1 0", "4 0 1", "4 1 1", "1 0 1", "6 1 1", "4 1 0"],
    ("P3-P5", "8.4.190"): ["4 1 0", "4 0 1", "4 1 1", "4 1 1", "6 1 1", "4 1 0"],
    ("P2-P5", "8.3"): ["0 0 1 0", "0 0 0 1", "1 0 0 0", "9 1 0 1", "4 0 0 0", "16 4 1 0"],
    ("P2-P5", "8.4.0"): ["0 0 1 0", "0 0 0 1", "1 1 1 0", "9 1 0 1", "4 0 0 0", "16 4 1 0"],
    ("P2-P5", "8.4.190"): ["4 0 1 0", "4 0 0 1", "1 1 1 0", "9 1 0 1", "4 3 1 0", "16 4 1 0"],
    ("P3-P5", "floor=16"): ["4 1 0", "4 0 1", "4 1 1", "4 1 1", "6 1 1", "4 1 0"],
}


def centred(corners):
    corners = np.asarray(corners, dtype=np.float64)
    return np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)


@pytest.mark.parametrize(("head", "rule"), BY_HAND)
def test_by_hand(head, rule):
    strides = HEADS[head]
    counts = count_candidates(spans(centred(list(BOXES.values())), make_rule(rule, strides), strides, 64))
    assert [" ".join(map(str, row)) for row in counts.tolist()] == BY_HAND[head, rule]


def test_as_the_installed_release_counts():
    def count(boxes, strides, imgsz):
        return count_candidates(spans(boxes, make_rule(stock_rule(), strides), strides, imgsz))

    assert dict(agrees_with_stock(count)) == {"P3 to P5": 0, "P2 to P5": 0}


def test_a_wrong_count_is_found():
    def count(boxes, strides, imgsz):
        wrong = "floor=32" if stock_rule() != "8.3" else "8.4.0"
        return count_candidates(spans(boxes, make_rule(wrong, strides), strides, imgsz))

    assert all(differing > 100 for _, differing in agrees_with_stock(count))


def test_contested_is_as_a_plain_comparison_says():
    random = np.random.default_rng(1)
    strides, imgsz = [8, 16], 128
    corner = random.uniform(0, 110, (60, 2))
    boxes = centred(np.concatenate([corner, corner + random.uniform(3, 30, (60, 2))], axis=1))
    image = np.repeat([0, 1, 2], 20)
    found = spans(boxes, make_rule("8.4.190", strides), strides, imgsz)

    def cells(index):
        return {
            (level, x, y)
            for level in range(2)
            for x in range(found[index, level, 0, 0], found[index, level, 0, 1] + 1)
            for y in range(found[index, level, 1, 0], found[index, level, 1, 1] + 1)
        }

    expected = []
    for index in range(60):
        others = set().union(*(cells(j) for j in range(60) if j != index and image[j] == image[index]))
        expected.append(bool(cells(index)) and cells(index) <= others)
    assert contested(found, image, strides, imgsz).tolist() == expected
    assert 0 < sum(expected) < 60


def test_one_of_twins_is_contested_and_so_is_the_other():
    boxes = centred([[9, 9, 11, 11], [9, 9, 11, 11], [40, 40, 60, 60]])
    found = spans(boxes, make_rule("8.4.190", [8, 16, 32]), [8, 16, 32], 64)
    assert contested(found, np.zeros(3, dtype=int), [8, 16, 32], 64).tolist() == [True, True, False]


def test_images_are_letterboxed_as_for_training():
    boxes = np.array([[10.0, 20, 30, 40]])
    tall, wide = np.array([[100.0, 200]]), np.array([[1920.0, 1080]])
    assert letterboxed(boxes, tall, 400).tolist() == [[25 * 2 + 100, 40 * 2, 60, 80]]
    assert letterboxed(boxes, wide, 640) == pytest.approx(np.array([[25 / 3, 40 / 3 + 140, 10, 40 / 3]]))


def test_boxes_on_whole_pixels_are_put_back_on_them():
    size = np.array([[1920.0, 1080]])
    exact = np.array([[100.0, 204, 7, 9]])
    rounded = np.round(exact / np.tile(size, 2), 6) * np.tile(size, 2)
    assert not np.array_equal(rounded, exact)
    assert np.array_equal(letterboxed(rounded, size, 640), letterboxed(exact, size, 640))
    between = exact + 0.25
    assert not np.array_equal(letterboxed(between, size, 640), letterboxed(exact, size, 640))


@pytest.mark.parametrize("name", ["8.5", "floor=", "floor=-1", "floor=999", "stok", ""])
def test_an_unknown_rule_is_one_message(name):
    with pytest.raises(ArgumentError, match=f"rule={name} is none of stock, 8.3, 8.4.0, 8.4.190, floor=N"):
        make_rule(name, [8, 16, 32])


def test_rules_in_words():
    assert make_rule("8.3", [8, 16, 32]).words == "no side is enlarged"
    assert make_rule("8.4.0", [8, 16, 32]).words == "sides below 8 px count as 16"
    assert make_rule("floor=12", [8, 16, 32]).words == "sides below 12 px count as 12"


def test_doctor_checks_the_count(monkeypatch):
    (assumption,) = assumptions.ASSIGNING
    assumption.check()
    monkeypatch.setattr(assumptions, "stock_rule", lambda: "8.3" if stock_rule() != "8.3" else "8.4.190")
    with pytest.raises(UpstreamError, match="of 1000 boxes, P3 to P5"):
        assumption.check()
