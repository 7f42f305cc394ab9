# SPDX-License-Identifier: AGPL-3.0-or-later
"""One bootstrap for both protocols: its intervals and differences against theory and against copies of images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.evaluation.coco.cases import random_case
from tests.evaluation.copies import copies
from tests.evaluation.visdrone.scenes import draw_scene
from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.bootstrap import Bootstrap, compare
from yolo_fine.evaluation.groups import Groups, each_image, effective_number
from yolo_fine.evaluation.measure import Measured, differences, intervals, measure
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.evaluation.visdrone.score import METRICS, evaluate_visdrone
from yolo_fine.formats.objects import Detections, GroundTruth

IMAGES = 60


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


def measured(truth: GroundTruth, detections: Detections, sizes: str = "32", max_det: int = 500) -> Measured:
    return measure(truth, detections, ["coco", "visdrone"], parse_sizes(sizes), max_det)


def all_intervals(one: Measured, bootstrap: Bootstrap | None = None, **how: Any) -> dict[str, Any]:
    bootstrap = bootstrap or Bootstrap(each_image(len(one.truth.names)), **how)
    return intervals(one, one.resample(bootstrap), bootstrap)


def all_differences(ours: Measured, theirs: Measured, **how: Any) -> dict[str, Any]:
    bootstrap = Bootstrap(each_image(len(ours.truth.names)), **how)
    return differences(ours, theirs, ours.resample(bootstrap), bootstrap)


@pytest.fixture(scope="module")
def scene():
    return draw_scene(5, images=IMAGES, ties=False)


@pytest.mark.parametrize("images", [100, 400])
def test_intervals_have_the_width_of_theory(images):
    found = np.arange(images) % 4 == 0
    made = all_intervals(measured(*one_object_per_image(images, found)), resamples=2000)
    deviation = np.sqrt(0.25 * 0.75 / images)
    for (low, high), scale in ((made["coco"]["AR_0-32"], 1), (made["visdrone"]["AR500"], 100)):
        assert low < 0.25 * scale < high
        assert (high - low) / (2 * 1.96 * deviation * scale) == pytest.approx(1, abs=0.1)


def test_both_protocols_get_the_same_draws():
    found = np.arange(100) % 4 == 0
    one = measured(*one_object_per_image(100, found))
    samples = one.resample(Bootstrap(each_image(100), resamples=300))
    assert samples["visdrone"]["AR500"] == pytest.approx(100 * samples["coco"]["AR_0-32"], abs=1e-9)


def test_intervals_are_the_percentiles_of_scores_of_copies(scene):
    random = np.random.default_rng(7)
    drawn = [evaluate_visdrone(*copies(*scene, np.sort(random.integers(0, IMAGES, IMAGES)))).metrics for _ in range(30)]
    found = all_intervals(measured(*scene), resamples=30, seed=7, confidence=0.8)["visdrone"]
    for name in METRICS:
        assert found[name] == pytest.approx(np.quantile([one[name] for one in drawn], [0.1, 0.9]), abs=1e-9)
        plain = np.quantile([one["class_mean"][name] for one in drawn], [0.1, 0.9])
        assert found["class_mean"][name] == pytest.approx(plain, abs=1e-9)


def test_seed_and_confidence(scene):
    one = measured(*scene)
    first = all_intervals(one, resamples=60, seed=1)
    assert first == all_intervals(one, resamples=60, seed=1)
    assert first["coco"] != all_intervals(one, resamples=60, seed=2)["coco"]
    narrow = all_intervals(one, resamples=60, seed=1, confidence=0.5)
    for protocol in ("coco", "visdrone"):
        (low, high), (inner_low, inner_high) = first[protocol]["AP"], narrow[protocol]["AP"]
        assert low < inner_low < inner_high < high


def test_the_number_worked_on_at_a_time_changes_nothing(scene, monkeypatch):
    whole = all_intervals(measured(*scene), resamples=20)
    monkeypatch.setattr("yolo_fine.evaluation.bootstrap.NUMBERS", 1)
    single = all_intervals(measured(*scene), resamples=20)
    for name, limits in whole["coco"].items():
        assert single["coco"][name] == (limits and pytest.approx(limits, abs=1e-12))
    assert single["visdrone"]["AP"] == pytest.approx(whole["visdrone"]["AP"], abs=1e-10)


def test_progress_is_told(scene):
    told = []
    one = measured(*scene)
    Bootstrap(each_image(IMAGES), resamples=3).resample(one.visdrone.curves, progress=lambda *args: told.append(args))
    assert told[-1] == (3, 3)


def test_a_metric_without_objects_has_no_interval_and_says_why():
    sides = np.full(60, 20.0)
    sides[0] = 200
    one = measured(*one_object_per_image(60, np.ones(60, bool), sides), sizes="32,96,250")
    made = all_intervals(one, resamples=200)
    assert one.coco.metrics["AR_96-250"] == 1  # one object in sixty images: a third of the resamples has none
    assert made["coco"]["AR_0-32"] == [1, 1]
    assert made["coco"]["AR_96-250"] is made["coco"]["AR_32-96"] is made["coco"]["AR_250+"] is None
    assert made["reasons"]["coco"]["AR_32-96"] == "no such object"
    assert made["reasons"]["coco"]["AR_96-250"].endswith(" of the resamples hold no such object")


def test_a_few_resamples_without_such_objects_are_passed_over():
    sides = np.full(60, 20.0)
    sides[:4] = 200
    made = all_intervals(measured(*one_object_per_image(60, np.ones(60, bool), sides)), resamples=500)
    assert made["coco"]["AR_32+"] == [1, 1]


def test_no_detections_no_objects_no_images():
    truth, detections = random_case(1, images=60)
    nothing = Detections(*(column[:0] for column in vars(detections).values()))
    assert all_intervals(measured(truth, nothing), resamples=20)["coco"]["AP"] == [0, 0]
    columns = {name: getattr(truth, name)[:0] for name in ("image", "boxes", "category", "area", "crowd")}
    empty = replace(truth, **columns)
    no_image = replace(empty, names=(), sizes=empty.sizes[:0])
    for one in (measured(empty, detections), measured(no_image, nothing)):
        made = all_intervals(one, resamples=20)
        assert set(made["coco"].values()) == {None}
        assert set(made["reasons"]["visdrone"].values()) == {"no such object"}
        compared = all_differences(one, one, resamples=20)["visdrone"]["AP"]
        assert compared.pop("reason") == "no such object"
        assert set(compared.values()) == {None}


@pytest.mark.parametrize("images", [1, 4, 5, 12, 49, 50])
def test_few_images_have_wide_intervals_or_none(images):
    found = np.arange(images) % 2 == 0
    one = measured(*one_object_per_image(images, found))
    bootstrap = Bootstrap(each_image(images), resamples=500)
    samples = one.resample(bootstrap)
    limits, reason = bootstrap.interval(one.coco.metrics["AR_0-32"], samples["coco"]["AR_0-32"])
    if images < 5:
        assert (limits, reason) == (None, f"{images} images are too few")
        return
    low, high = np.quantile(samples["coco"]["AR_0-32"], [0.025, 0.975])
    factor = stats.t.ppf(0.975, images - 1) / stats.norm.ppf(0.975) * np.sqrt(images / (images - 1))
    factor = factor if images < 50 else 1.0
    value = found.mean()
    assert limits == pytest.approx([value - factor * (value - low), value + factor * (high - value)])
    made = all_intervals(one, bootstrap)["coco"]["AR_0-32"]
    assert 0 <= made[0] < made[1] <= 1  # no share is below 0 or above 1


def test_groups_are_drawn_whole():
    images, groups = 200, 40
    index = np.arange(images) % groups
    found = index % 2 == 0  # all images of a clip are alike
    one = measured(*one_object_per_image(images, found))
    alone = all_intervals(one, resamples=2000)["coco"]["AR_0-32"]
    made = all_intervals(one, Bootstrap(Groups("clips", index), resamples=2000))
    low, high = made["coco"]["AR_0-32"]
    deviation = np.sqrt(0.25 / (groups - 1))
    assert (high - low) / (2 * stats.t.ppf(0.975, groups - 1) * deviation) == pytest.approx(1, abs=0.1)
    assert (high - low) > 2 * (alone[1] - alone[0])
    assert (made["groups"], made["effective_groups"]) == (40, 40)


def test_kish():
    assert effective_number(np.array([1, 1, 2, 4])) == pytest.approx(64 / 22)
    assert effective_number(np.full(76, 5)) == pytest.approx(76)
    assert effective_number(np.zeros(0)) == 0


def test_pairing_takes_out_what_is_common():
    rng = np.random.default_rng(0)
    found = rng.random(200) < 0.5
    better = found | (rng.random(200) < 0.1)
    a, b = (measured(*one_object_per_image(200, some)) for some in (found, better))
    paired, back = (all_differences(*pair, resamples=500) for pair in ((b, a), (a, b)))
    gained = better & ~found
    deviation = np.sqrt(gained.mean() * (1 - gained.mean()) / 200)
    for protocol, name, scale in (("coco", "AR_0-32", 1), ("visdrone", "AR500", 100)):
        there, again = paired[protocol][name], back[protocol][name]
        assert there["difference"] == pytest.approx(scale * gained.mean())
        assert there["low"] > 0
        assert (there["probability_positive"], there["beyond_noise"], there["reason"]) == (1, True, None)
        assert (there["high"] - there["low"]) / (2 * 1.96 * deviation * scale) == pytest.approx(1, abs=0.15)
        assert again["difference"] == -there["difference"]
        assert (again["low"], again["high"]) == pytest.approx((-there["high"], -there["low"]))
        assert again["probability_positive"] == 0
    low, high = all_intervals(a, resamples=500)["coco"]["AR_0-32"]
    assert paired["coco"]["AR_0-32"]["high"] - paired["coco"]["AR_0-32"]["low"] < 0.75 * (high - low)


def test_differences_are_those_of_the_same_images(scene):
    truth, detections = scene
    half = Detections(*(column[::2] for column in vars(detections).values()))
    random = np.random.default_rng(4)
    expected = []
    for _ in range(20):
        draw = np.sort(random.integers(0, IMAGES, IMAGES))
        a, b = (evaluate_visdrone(*copies(truth, found, draw)).metrics["AP"] for found in (half, detections))
        expected.append(b - a)
    value = all_differences(measured(truth, detections), measured(truth, half), resamples=20, seed=4)["visdrone"]["AP"]
    assert (value["low"], value["high"]) == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])), abs=1e-9)


@pytest.mark.parametrize("images", [6, 60])
def test_a_detector_does_not_differ_from_itself(images):
    one = measured(*random_case(4, images=images), sizes="coco")
    made = all_differences(one, one, resamples=50)
    nothing = {"difference": 0, "low": 0, "high": 0, "probability_positive": 0.5, "beyond_noise": False}
    for protocol in ("coco", "visdrone"):
        assert made[protocol]["AP"] == {**nothing, "reason": None}
        for name, value in made[protocol].items():
            if value["reason"] is None:
                assert value == {**nothing, "reason": None}, name


def test_ties_count_half():
    bootstrap = Bootstrap(each_image(60))
    samples = np.array([-1.0, 0.0, 1e-15] + [1.0] * 97 + [np.nan] * 4)
    made = compare(bootstrap, ({"AP": 0.5}, {"AP": 0.6}), ({"AP": np.zeros(104)}, {"AP": samples}))["AP"]
    assert made["probability_positive"] == 0.98


def test_rounding_is_no_difference():
    found = np.arange(100) % 4 == 0
    truth, detections = one_object_per_image(100, found)
    twice = Detections(*(np.repeat(column, 2, axis=0) for column in vars(detections).values()))
    more = replace(twice, score=np.tile([0.5, 0.1], len(detections)))  # one more false alarm behind each find
    a, b = measured(truth, detections), measured(truth, more)
    made = all_differences(b, a, resamples=50)
    assert (made["coco"]["AP"]["low"], made["coco"]["AP"]["high"]) == (0, 0)
    assert made["visdrone"]["AP"]["probability_positive"] == 0.5


def test_what_is_undefined_in_one_of_both_is_not_compared():
    bootstrap, samples = Bootstrap(each_image(60)), {"AP": np.zeros(100)}
    made = compare(bootstrap, ({"AP": None}, {"AP": 0.6}), (samples, samples))["AP"]
    assert made == {
        "difference": None, "low": None, "high": None, "probability_positive": None, "beyond_noise": None,
        "reason": "no such object",
    }  # fmt: skip


def test_what_differs_is_not_compared():
    case = random_case(4)
    score = measured(*case)
    for other in (
        measured(*case, max_det=100),
        measured(*case, sizes="aitod"),
        measured(*random_case(5)),
        measure(*case, ["coco"], score.bins, 500),
    ):
        with pytest.raises(ArgumentError, match="of different objects, size bins, max_det or protocols"):
            all_differences(score, other, resamples=5)


def test_arguments():
    with pytest.raises(ArgumentError, match="resamples=0"):
        Bootstrap(each_image(5), resamples=0)
    with pytest.raises(ArgumentError, match="confidence=95"):
        Bootstrap(each_image(5), confidence=95)
