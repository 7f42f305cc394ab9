# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.coco.cases import random_case
from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.coco.intervals import bootstrap_coco, compare_coco, headline
from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.coco.weighted import weighted_metrics
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.formats.objects import Detections, GroundTruth


def drawn(columns, weights):
    """The data in which each image occurs as often as its weight says, under new names."""
    images = np.repeat(np.arange(len(weights)), weights)
    chosen = [np.flatnonzero(columns.image == image) for image in images]
    index = np.concatenate([np.zeros(0, dtype=np.int64), *chosen])
    changes = {
        name: getattr(columns, name)[index]
        for name in ("boxes", "category", "area", "crowd", "score")
        if hasattr(columns, name)
    }
    changes["image"] = np.repeat(np.arange(len(images)), [len(rows) for rows in chosen])
    if isinstance(columns, GroundTruth):
        changes |= {"names": tuple(f"p{i}" for i in range(len(images))), "sizes": columns.sizes[images]}
    return replace(columns, **changes)


def one_object_per_image(images: int, found: np.ndarray, sides: np.ndarray | None = None):
    """Each image has one object, which is found or not: AR is the share of images in which it is."""
    sides = np.full(images, 20.0) if sides is None else sides
    boxes = np.column_stack([np.full((images, 2), 10.0), sides, sides])
    everywhere = np.arange(images)
    truth = GroundTruth(
        names=tuple(map(str, everywhere)),
        sizes=np.full((images, 2), 300),
        classes={1: "thing"},
        image=everywhere,
        boxes=boxes,
        category=np.ones(images, dtype=np.int64),
        area=sides**2,
        crowd=np.zeros(images, dtype=bool),
    )
    place = np.flatnonzero(found)
    scores = np.full(len(place), 0.5)
    return truth, Detections(place, boxes[place], np.ones(len(place), dtype=np.int64), scores)


def test_with_every_weight_one_the_metrics_are_the_engines():
    for seed in range(12):
        truth, detections = random_case(seed)
        score = evaluate_coco(truth, detections, parse_sizes("8,32"), max_det=3)
        weighted = weighted_metrics(score, np.ones((1, score.images), dtype=np.float32))
        for name, (value,) in weighted.items():
            metric = score.metrics[name]
            assert np.isnan(value) if metric is None else value == pytest.approx(metric, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_a_image_drawn_twice_counts_twice(seed):
    truth, detections = random_case(seed)
    # Equal scores in two images have an order, and repeating images changes it: scores without ties.
    detections = replace(detections, score=np.random.default_rng(seed).permutation(len(detections)) / len(detections))
    bins = parse_sizes("coco")
    score = evaluate_coco(truth, detections, bins)
    weights = np.random.default_rng(seed).integers(0, 4, (20, score.images))
    metrics = weighted_metrics(score, weights.astype(np.float32))
    for r, row in enumerate(weights):
        again = evaluate_coco(drawn(truth, row), drawn(detections, row), bins)
        for name in headline(score):
            value, expected = metrics[name][r], again.metrics[name]
            # Copies of an image share scores, so a false alarm may come before or behind the second find.
            assert np.isnan(value) if expected is None else value == pytest.approx(expected, abs=0.02)
        for name in (f"AR_{one.name}" for one in bins):  # recall knows no order
            expected = again.metrics[name]
            assert expected is None or metrics[name][r] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("images", [100, 400])
def test_intervals_have_the_width_of_theory(images):
    found = np.arange(images) % 4 == 0
    score = evaluate_coco(*one_object_per_image(images, found), parse_sizes("32"))
    low, high = bootstrap_coco(score, resamples=2000)["AR_0-32"]
    deviation = np.sqrt(0.25 * 0.75 / images)
    assert low < 0.25 < high
    assert (high - low) / (2 * 1.96 * deviation) == pytest.approx(1, abs=0.1)


def test_seeded():
    score = evaluate_coco(*random_case(4), parse_sizes("coco"))
    first = bootstrap_coco(score, resamples=100, seed=3)
    assert first == bootstrap_coco(score, resamples=100, seed=3)
    assert first != bootstrap_coco(score, resamples=100, seed=4)


def test_confidence_widens():
    score = evaluate_coco(*random_case(4), parse_sizes("coco"))
    wide = bootstrap_coco(score, resamples=200, confidence=0.99)
    narrow = bootstrap_coco(score, resamples=200, confidence=0.5)
    for name in narrow:
        assert wide[name][0] <= narrow[name][0] <= narrow[name][1] <= wide[name][1]


def test_centred_on_the_metric():
    truth, detections = random_case(6, images=60)
    score = evaluate_coco(truth, detections, parse_sizes("coco"))
    for name, (low, high) in bootstrap_coco(score, resamples=300).items():
        assert low < score.metrics[name] < high


def test_undefined_metrics_are_left_out():
    sides = np.full(50, 20.0)
    sides[0] = 200
    score = evaluate_coco(*one_object_per_image(50, np.ones(50, bool), sides), parse_sizes("32,96,250"))
    intervals = bootstrap_coco(score, resamples=200)
    assert score.metrics["AR_96-250"] == 1  # one object in fifty images: a third of the resamples has none
    assert {"AR_32-96", "AR_96-250", "AR_250+"}.isdisjoint(intervals)
    assert intervals["AR_0-32"] == [1, 1]


def test_resamples_without_such_objects_are_passed_over():
    sides = np.full(50, 20.0)
    sides[:4] = 200
    score = evaluate_coco(*one_object_per_image(50, np.ones(50, bool), sides), parse_sizes("32"))
    assert bootstrap_coco(score, resamples=500)["AR_32+"] == [1, 1]


def test_no_detections_and_no_objects():
    truth, detections = random_case(1)
    nothing = Detections(*(column[:0] for column in vars(detections).values()))
    intervals = bootstrap_coco(evaluate_coco(truth, nothing, parse_sizes("coco")), resamples=20)
    assert intervals["AP"] == [0, 0]
    columns = {name: getattr(truth, name)[:0] for name in ("image", "boxes", "category", "area", "crowd")}
    empty = replace(truth, **columns)
    assert bootstrap_coco(evaluate_coco(empty, detections, parse_sizes("coco")), resamples=20) == {}
    no_image = replace(empty, names=(), sizes=empty.sizes[:0])
    assert bootstrap_coco(evaluate_coco(no_image, nothing, parse_sizes("coco")), resamples=20) == {}


def test_pairing_takes_out_what_is_common():
    rng = np.random.default_rng(0)
    found = rng.random(200) < 0.5
    better = found | (rng.random(200) < 0.1)
    truth, first = one_object_per_image(200, found)
    _, second = one_object_per_image(200, better)
    a, b = evaluate_coco(truth, first, parse_sizes("32")), evaluate_coco(truth, second, parse_sizes("32"))
    paired = compare_coco(a, b, resamples=500)["AR_0-32"]
    low, high = bootstrap_coco(a, resamples=500)["AR_0-32"]
    gained = better & ~found
    assert paired["difference"] == pytest.approx(gained.mean())
    assert paired["low"] > 0
    assert paired["probability_positive"] == 1
    assert paired["high"] - paired["low"] < 0.75 * (high - low)
    deviation = np.sqrt(gained.mean() * (1 - gained.mean()) / 200)
    assert (paired["high"] - paired["low"]) / (2 * 1.96 * deviation) == pytest.approx(1, abs=0.15)

    back = compare_coco(b, a, resamples=500)["AR_0-32"]
    assert back["difference"] == -paired["difference"]
    assert (back["low"], back["high"]) == pytest.approx((-paired["high"], -paired["low"]))
    assert back["probability_positive"] == 0


def test_a_detector_equals_itself():
    score = evaluate_coco(*random_case(4), parse_sizes("coco"))
    for values in compare_coco(score, score, resamples=50).values():
        assert values == {"difference": 0, "low": 0, "high": 0, "probability_positive": 0.5}


def test_what_differs_is_not_compared():
    truth, detections = random_case(4)
    score = evaluate_coco(truth, detections, parse_sizes("coco"))
    with pytest.raises(ArgumentError, match="different max_det, 500 and 100"):
        compare_coco(score, evaluate_coco(truth, detections, parse_sizes("coco"), max_det=100))
    with pytest.raises(ArgumentError, match="different size bins"):
        compare_coco(score, evaluate_coco(truth, detections, parse_sizes("aitod")))
    with pytest.raises(ArgumentError, match="different numbers of images, 6 and 7"):
        compare_coco(score, evaluate_coco(*random_case(4, images=7), parse_sizes("coco")))
    with pytest.raises(ArgumentError, match="different classes or numbers of objects"):
        compare_coco(score, evaluate_coco(*random_case(5), parse_sizes("coco")))


def test_arguments():
    score = evaluate_coco(*random_case(4), parse_sizes("coco"))
    with pytest.raises(ArgumentError, match="resamples=0"):
        bootstrap_coco(score, resamples=0)
    with pytest.raises(ArgumentError, match="confidence=95"):
        bootstrap_coco(score, confidence=95)
