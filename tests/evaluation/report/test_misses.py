# SPDX-License-Identifier: AGPL-3.0-or-later
"""Misses: matching and best F1 against plain loops, each kind in a known scene."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.evaluation.report.scene import BINS, OBJECTS, UNJUDGED, make_detections, make_truth
from yolo_fine.evaluation.pairs import Pairs, overlapping_pairs
from yolo_fine.evaluation.report.matching import best_f1_confidence, judge
from yolo_fine.evaluation.report.misses import find_misses, size_indices
from yolo_fine.evaluation.report.mistakes import KINDS, kinds_of
from yolo_fine.formats.objects import Detections, GroundTruth


def random_case(seed, images=4, classes=2):
    """Crowded images, so that detections compete for objects."""
    generator = np.random.default_rng(seed)
    objects, found = 12 * images, 30 * images
    truth = GroundTruth(
        names=tuple(f"p{i}" for i in range(images)),
        sizes=np.full((images, 2), 60),
        classes={1: "a", 2: "b"},
        image=np.sort(generator.integers(0, images, objects)),
        boxes=np.column_stack([generator.integers(0, 40, (objects, 2)), generator.integers(6, 16, (objects, 2))]) * 1.0,
        category=generator.integers(1, classes + 1, objects),
        area=np.full(objects, 100.0),
        crowd=np.zeros(objects, bool),
    )
    source = generator.integers(0, objects, found)
    order = np.argsort(truth.image[source], kind="stable")
    source = source[order]
    boxes = truth.boxes[source] + generator.normal(0, 1.5, (found, 4))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
    score = generator.permutation(found) / found
    return truth, Detections(truth.image[source], boxes, truth.category[source], score)


@pytest.mark.parametrize("seed", range(5))
def test_matching_is_greedy_by_confidence(seed):
    truth, detections = random_case(seed)
    match = judge(truth, detections).match
    pairs = overlapping_pairs(truth, detections, 0.01)
    overlaps = dict(zip(zip(pairs.detection.tolist(), pairs.target.tolist(), strict=True), pairs.overlap, strict=True))
    expected, taken = np.full(len(detections), -1), set()
    for row in np.argsort(-detections.score):
        best, best_overlap = -1, 0.5
        for target in range(len(truth)):
            if truth.image[target] != detections.image[row] or truth.category[target] != detections.category[row]:
                continue
            overlap = overlaps.get((row, target), 0)
            if target not in taken and overlap >= best_overlap:
                best, best_overlap = target, overlap
        expected[row] = best
        taken.add(best)
    assert match.tolist() == expected.tolist()
    assert 10 < (match >= 0).sum() < len(detections)


@pytest.mark.parametrize("seed", range(5))
def test_best_f1_is_the_best_of_all_cuts(seed):
    generator = np.random.default_rng(seed)
    score, correct, objects = generator.integers(1, 20, 100) / 20, generator.random(100) < 0.4, 60

    def f1(cut):
        return 2 * correct[score >= cut].sum() / ((score >= cut).sum() + objects)

    assert f1(best_f1_confidence(score, correct, objects)) == max(f1(cut) for cut in np.unique(score))


def test_every_kind_is_told_apart():
    misses = find_misses(make_truth(["a"]), make_detections(1), BINS)
    assert misses.confidence == 0.5
    assert (misses.objects, misses.detections, misses.found) == (7, 7, 3)
    found = {miss.kind: miss for miss in misses.worst if miss.kind != "missed"}
    missed = [miss for miss in misses.worst if miss.kind == "missed"]
    assert {miss.kind for miss in misses.worst} == set(KINDS)
    assert len(misses.worst) == 6
    assert [tuple(miss.box) for miss in sorted(missed, key=lambda miss: miss.box[0])] == [
        OBJECTS[2][:4],
        OBJECTS[5][:4],
    ]
    assert (found["wrong class"].category, found["wrong class"].partner_category) == (1, 3)
    assert found["badly located"].iou == pytest.approx(25 * 25 / (2 * 1600 - 625))
    assert tuple(found["duplicate"].box) == (98, 40, 24, 20)
    assert found["false positive"].partner_box is None
    assert found["false positive"].score == 0.65
    assert {kind: miss.size for kind, miss in found.items()} == {
        "wrong class": "large", "badly located": "large", "duplicate": "small", "false positive": "large"
    }  # fmt: skip
    assert misses.counts["missed"] == {"small": 2}
    assert misses.counts["wrong class"] == {"large": 1}


@pytest.mark.parametrize(
    ("overlaps", "same", "is_found", "expected"),
    [
        ([0.6, 0.2], [True, True], [True, False], ("duplicate", 0)),
        ([0.6, 0.2], [False, True], [True, False], ("wrong class", 0)),
        ([0.4, 0.2], [True, True], [False, False], ("badly located", 0)),
        ([0.4, 0.2], [True, True], [True, False], ("badly located", 1)),  # the nearer one is found already
        ([0.4, 0.2], [True, True], [True, True], ("false positive", 0)),
        ([0.4, 0.2], [False, False], [False, False], ("false positive", 0)),
        ([0.09, 0.0], [True, True], [False, False], ("false positive", None)),
    ],
)
def test_kinds_of_a_detection_that_found_nothing(overlaps, same, is_found, expected):
    near = np.flatnonzero(np.array(overlaps) >= 0.1)
    pairs = Pairs(np.full(len(near), 3), near, np.array(overlaps)[near])
    classes, category = np.where(same, 1, 2), np.array([0, 0, 0, 1])
    kinds, partner, _ = kinds_of(np.array([3]), pairs, category, classes, np.array(is_found))
    assert (kinds[0], None if partner[0] < 0 else partner[0]) == expected


def test_a_missed_object_knows_the_detection_that_was_left_aside():
    misses = find_misses(make_truth(["a"]), make_detections(1), BINS)
    near = next(miss for miss in misses.worst if miss.kind == "missed" and miss.box[0] == 400)
    assert (near.score, near.partner_category) == (0.05, 1)
    lone = next(miss for miss in misses.worst if miss.kind == "missed" and miss.box[0] == 160)
    assert (lone.score, lone.partner_box, lone.iou) == (None, None, 0)


def test_unjudged_regions_hide_detections():
    def shown(truth):
        return {tuple(miss.box) for miss in find_misses(truth, make_detections(1), BINS, confidence=0.01).worst}

    truth = make_truth(["a"])
    assert not shown(truth) & set(UNJUDGED)
    judged = truth.category.copy()
    judged[-2:] = 3  # the same boxes as objects of a class
    assert set(UNJUDGED) <= shown(dataclasses.replace(truth, category=judged))


def test_unjudged_regions_hide_objects():
    truth = make_truth(["a"])
    boxes = truth.boxes.copy()
    boxes[-2] = (150, 30, 40, 40)  # the ignored region now covers the object that nothing detects
    misses = find_misses(dataclasses.replace(truth, boxes=boxes), make_detections(1), BINS, confidence=0.5)
    assert misses.objects == 6
    assert [miss.box[0] for miss in misses.worst if miss.kind == "missed"] == [400]


def test_a_crowd_is_never_missed_and_takes_detections_of_its_class():
    truth = make_truth(["a"])
    crowd = truth.crowd.copy()
    crowd[3] = True  # the object of class 3, detected as class 1
    misses = find_misses(dataclasses.replace(truth, crowd=crowd), make_detections(1), BINS, confidence=0.5)
    assert misses.objects == 6
    (wrong,) = [miss for miss in misses.worst if miss.box[0] == 220]
    assert wrong.kind == "false positive"  # another class than the crowd's
    category = truth.category.copy()
    category[3] = 1
    own = dataclasses.replace(truth, crowd=crowd, category=category)
    assert not [miss for miss in find_misses(own, make_detections(1), BINS, confidence=0.5).worst if miss.box[0] == 220]


def test_worst_come_in_turn_and_worst_first():
    misses = find_misses(make_truth(list("abcd")), make_detections(4), BINS, limit=12)
    assert len(misses.worst) == 12
    turns = [(miss.size, miss.kind) for miss in misses.worst]
    assert len(set(turns[:5])) == 5
    assert turns[5:10] == turns[:5]
    for turn in set(turns):
        badness = [miss.badness for miss in misses.worst if (miss.size, miss.kind) == turn]
        assert badness == sorted(badness, reverse=True)
    assert sum(sum(sizes.values()) for sizes in misses.counts.values()) == 24


def test_nothing_detected_and_nothing_annotated():
    truth = make_truth(["a", "b"])
    none = Detections(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    misses = find_misses(truth, none, BINS)
    assert (misses.found, misses.detections) == (0, 0)
    assert {miss.kind for miss in misses.worst} == {"missed"}
    columns = {key: getattr(truth, key)[:0] for key in ("image", "boxes", "category", "area", "crowd")}
    misses = find_misses(dataclasses.replace(truth, **columns), make_detections(2), BINS)
    assert misses.objects == 0
    assert {miss.kind for miss in misses.worst} == {"false positive"}


def test_every_side_has_one_bin():
    assert size_indices(np.array([0, 31.99, 32, 5000]), BINS).tolist() == [0, 0, 1, 1]
    assert size_indices(np.array([5.0]), BINS[1:]).tolist() == [1]
