# SPDX-License-Identifier: AGPL-3.0-or-later
"""The fast implementation against the plain one, on what the official cases may not provoke."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.visdrone.plain import kept, plain_score
from tests.evaluation.visdrone.scenes import draw_scene
from yolo_fine.errors import DataError
from yolo_fine.evaluation.visdrone.ignored import outside_ignored
from yolo_fine.evaluation.visdrone.score import IOU_THRESHOLDS, METRICS, evaluate_visdrone


@pytest.mark.parametrize("seed", range(60))
def test_equals_the_plain_implementation(seed):
    truth, detections = draw_scene(seed)
    expected = plain_score(truth, detections)
    metrics = evaluate_visdrone(truth, detections).metrics
    for name in METRICS:
        if math.isnan(expected[name]):
            assert metrics[name] is None
        else:
            assert metrics[name] == pytest.approx(expected[name], abs=1e-9)


def test_scenes_provoke_the_rules():
    """Otherwise the comparison above says little."""
    scenes = [draw_scene(seed) for seed in range(60)]
    scores = [evaluate_visdrone(*scene) for scene in scenes]
    objects = sum(int((truth.category != 0).sum()) for truth, _ in scenes)
    curves = [curve for score in scores for of_class in score.curves.curves for curve in of_class.curves]
    assert objects - sum(score.objects_left for score in scores) > 20
    assert sum(len(detections) for _, detections in scenes) - sum(score.detections_left for score in scores) > 100
    assert sum(len(curve.neutral_image) for curve in curves) > 200
    assert sum(score.metrics["AR1"] != score.metrics["AR10"] for score in scores) > 20
    assert sum((truth.boxes[:, 2:] == 0).any() for truth, _ in scenes) > 20
    assert sum(score.metrics["AP"] is not None and 5 < score.metrics["AP"] < 95 for score in scores) > 20


@pytest.mark.parametrize("seed", range(40))
def test_dropping_equals_the_painted_map(seed):
    random = np.random.default_rng(seed)
    size = random.integers(5, 40, 2)
    regions = random.integers(0, 45, (random.integers(1, 7), 4))
    boxes = random.integers(-20, 90, (60, 4)) / 2
    boxes[:, 2:] = np.abs(boxes[:, 2:])
    expected = [kept(box, regions.tolist(), *size.tolist()) for box in boxes]
    assert outside_ignored(boxes, regions.astype(float), size).tolist() == expected
    assert any(expected)


def test_many_rivals_for_few_objects():
    """Chains in which every match takes the next detection's best object away."""
    truth, detections = draw_scene(3, images=1)
    count = 60
    boxes = np.stack([np.arange(count) * 2.0, np.zeros(count), np.full(count, 20.0), np.full(count, 20.0)], axis=1)
    truth = replace(
        truth,
        sizes=np.array([[200, 60]]),
        image=np.zeros(count, np.int64),
        boxes=boxes,
        category=np.ones(count, np.int64),
        area=np.full(count, 400.0),
        crowd=np.zeros(count, bool),
    )
    rivals = np.repeat(boxes, 3, axis=0)
    rivals[:, 0] += np.tile([-1.0, 0.0, 1.0], count)  # halfway between two objects: equal overlaps
    detections = replace(
        detections,
        image=np.zeros(len(rivals), np.int64),
        boxes=rivals,
        category=np.ones(len(rivals), np.int64),
        score=np.linspace(0, 1, len(rivals)),
    )
    expected = plain_score(truth, detections)
    metrics = evaluate_visdrone(truth, detections).metrics
    assert {name: metrics[name] for name in METRICS} == pytest.approx(expected, abs=1e-9)
    assert 0 < expected["AP"] < 100


def test_thresholds_are_those_of_octave():
    """Octave adds steps to 0.5, so that the eighth lies a bit above the number 0.85: 17/20 does not reach it."""
    decimals = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert [a == b for a, b in zip(IOU_THRESHOLDS, decimals, strict=True)] == [True] * 7 + [False] + [True] * 2
    assert IOU_THRESHOLDS[7] == np.nextafter(0.85, 1)


def test_nothing_detected_and_nothing_annotated():
    truth, detections = draw_scene(1)
    nothing = without_rows(detections)
    assert evaluate_visdrone(truth, nothing).metrics["AP"] == 0
    empty = replace(
        truth,
        image=truth.image[:0],
        boxes=truth.boxes[:0],
        category=truth.category[:0],
        area=truth.area[:0],
        crowd=truth.crowd[:0],
    )
    metrics = evaluate_visdrone(empty, detections).metrics
    assert metrics == {**dict.fromkeys(METRICS), "class_mean": dict.fromkeys(METRICS)}


def without_rows(detections):
    return replace(
        detections,
        image=detections.image[:0],
        boxes=detections.boxes[:0],
        category=detections.category[:0],
        score=detections.score[:0],
    )


def test_class_zero_and_unknown_images_are_refused():
    truth, detections = draw_scene(1)
    with pytest.raises(DataError, match=r"category 0 is 'person' here.*number the classes from 1"):
        evaluate_visdrone(replace(truth, classes={0: "person"}), detections)
    with pytest.raises(DataError, match=r"images \d+ to \d+, but the annotations have only 4 images"):
        evaluate_visdrone(truth, replace(detections, image=detections.image + 3))
