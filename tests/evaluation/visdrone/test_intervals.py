# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.visdrone.cases import load, packaged_cases
from tests.evaluation.visdrone.scenes import draw_scene
from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.evaluation.visdrone.intervals import bootstrap_visdrone, compare_visdrone
from yolo_fine.evaluation.visdrone.score import METRICS, evaluate_visdrone, named_metrics, weighted_tables

IMAGES = 12


@pytest.fixture(scope="module")
def scene():
    return draw_scene(5, images=IMAGES, ties=False)


@pytest.fixture(scope="module")
def score(scene):
    return evaluate_visdrone(*scene)


def drawn_copy(truth, detections, draw):
    """The images of a draw as images of their own."""
    rows = [np.flatnonzero(truth.image == index) for index in draw]
    found = [np.flatnonzero(detections.image == index) for index in draw]
    columns = {
        name: np.concatenate([getattr(truth, name)[r] for r in rows]) for name in ("boxes", "category", "area", "crowd")
    }
    copies = np.arange(len(draw))
    return replace(
        truth,
        names=tuple(f"copy{index}" for index in copies),
        sizes=truth.sizes[draw],
        image=np.repeat(copies, [len(r) for r in rows]),
        **columns,
    ), replace(
        detections,
        image=np.repeat(copies, [len(r) for r in found]),
        **{
            name: np.concatenate([getattr(detections, name)[r] for r in found])
            for name in ("boxes", "category", "score")
        },
    )


@pytest.mark.parametrize("case", packaged_cases(), ids=lambda case: case.name)
def test_weight_one_is_the_score_itself(case):
    score = evaluate_visdrone(*load(case))
    tables = weighted_tables(score.matches, np.ones(len(score.names)))
    again = {**named_metrics(tables.official_mean), "class_mean": named_metrics(tables.class_mean)}
    assert again == score.metrics  # to the bit


@pytest.mark.parametrize("seed", range(12))
def test_weights_are_copies_of_images(scene, score, seed):
    draw = np.sort(np.random.default_rng(seed).integers(0, IMAGES, IMAGES))
    tables = weighted_tables(score.matches, np.bincount(draw, minlength=IMAGES).astype(float))
    copies = evaluate_visdrone(*drawn_copy(*scene, draw))
    np.testing.assert_allclose(tables.ap, copies.tables.ap, rtol=0, atol=1e-9)
    np.testing.assert_allclose(tables.ar, copies.tables.ar, rtol=0, atol=1e-9)
    assert tables.images.tolist() == copies.tables.images.tolist()
    assert tables.official_mean == pytest.approx([copies.metrics[name] for name in METRICS], abs=1e-9)
    assert tables.class_mean == pytest.approx([copies.metrics["class_mean"][name] for name in METRICS], abs=1e-9)


def test_interval_is_the_percentiles_of_scores_of_copies(scene, score):
    random = np.random.default_rng(7)
    drawn = [
        evaluate_visdrone(*drawn_copy(*scene, np.sort(random.integers(0, IMAGES, IMAGES)))).metrics for _ in range(30)
    ]
    found = bootstrap_visdrone(score, resamples=30, seed=7, confidence=0.8)
    for name in METRICS:
        assert found[name] == pytest.approx(np.quantile([metrics[name] for metrics in drawn], [0.1, 0.9]), abs=1e-9)
        plain = np.quantile([metrics["class_mean"][name] for metrics in drawn], [0.1, 0.9])
        assert found["class_mean"][name] == pytest.approx(plain, abs=1e-9)
    assert found["AP"][0] < score.metrics["AP"] < found["AP"][1]


def test_seed_and_confidence(score):
    first = bootstrap_visdrone(score, resamples=50, seed=1)
    assert first == bootstrap_visdrone(score, resamples=50, seed=1)
    assert first != bootstrap_visdrone(score, resamples=50, seed=2)
    narrow = bootstrap_visdrone(score, resamples=50, seed=1, confidence=0.5)
    assert first["AP"][0] < narrow["AP"][0] < narrow["AP"][1] < first["AP"][1]


def test_progress_is_told(score):
    told = []
    bootstrap_visdrone(score, resamples=3, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_detector_does_not_differ_from_itself(score):
    for value in compare_visdrone(score, score, resamples=20).values():
        assert value == {"difference": 0, "low": 0, "high": 0, "probability_positive": 0}


def with_a_sure_hit(truth, detections):
    """The same detector, which also finds the first evaluated object of every image exactly, ahead of all others."""
    evaluated = np.flatnonzero((truth.category >= 1) & (truth.category <= 10) & ~truth.crowd)
    image, first = np.unique(truth.image[evaluated], return_index=True)
    rows = evaluated[first]
    order = np.argsort(np.append(image, detections.image), kind="stable")
    return replace(
        detections,
        image=np.append(image, detections.image)[order],
        boxes=np.concatenate([truth.boxes[rows], detections.boxes])[order],
        category=np.append(truth.category[rows], detections.category)[order],
        score=np.append(np.full(len(rows), 2.0), detections.score)[order],
    )


def test_difference_is_paired(scene, score):
    truth, detections = scene
    better = evaluate_visdrone(truth, with_a_sure_hit(truth, detections))
    found = compare_visdrone(score, better, resamples=200, seed=3)
    back = compare_visdrone(better, score, resamples=200, seed=3)
    assert list(found) == list(METRICS)
    for name, value in found.items():
        assert value["difference"] == pytest.approx(better.metrics[name] - score.metrics[name])
        assert 0 < value["low"] < value["difference"] < value["high"]
        assert (value["probability_positive"], back[name]["probability_positive"]) == (1, 0)
        assert (back[name]["low"], back[name]["high"]) == pytest.approx((-value["high"], -value["low"]))


def test_difference_is_that_of_the_same_images(scene, score):
    truth, detections = scene
    better = with_a_sure_hit(truth, detections)
    random = np.random.default_rng(4)
    expected = []
    for _ in range(20):
        draw = np.sort(random.integers(0, IMAGES, IMAGES))
        a, b = (evaluate_visdrone(*drawn_copy(truth, found, draw)).metrics["AP"] for found in (detections, better))
        expected.append(b - a)
    value = compare_visdrone(score, evaluate_visdrone(truth, better), resamples=20, seed=4)["AP"]
    assert (value["low"], value["high"]) == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])), abs=1e-9)


def test_unlike_truths_are_not_compared(scene, score):
    truth, detections = scene
    renamed = replace(truth, names=("other", *truth.names[1:]))
    with pytest.raises(DataError, match="12 against 12, 11 of them in both"):
        compare_visdrone(score, evaluate_visdrone(renamed, detections))
    crowded = replace(truth, category=np.where(truth.category == 11, 1, truth.category))
    with pytest.raises(DataError, match="needs the same annotations"):
        compare_visdrone(score, evaluate_visdrone(crowded, detections))


def test_without_objects_nothing_is_defined(scene):
    truth, detections = scene
    others = replace(truth, category=np.full(len(truth), 11))
    score = evaluate_visdrone(others, detections)
    assert bootstrap_visdrone(score, resamples=5) == {
        **dict.fromkeys(METRICS),
        "class_mean": dict.fromkeys(METRICS),
    }
    undefined = dict.fromkeys(("difference", "low", "high", "probability_positive"))
    assert compare_visdrone(score, score, resamples=5) == dict.fromkeys(METRICS, undefined)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resamples": 0}, "resamples=0 must be 1 or more"),
        ({"confidence": 95}, "confidence=95 must be between 0 and 1"),
    ],
)
def test_arguments_out_of_range(score, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        bootstrap_visdrone(score, **arguments)
    with pytest.raises(ArgumentError, match=message):
        compare_visdrone(score, score, **arguments)
