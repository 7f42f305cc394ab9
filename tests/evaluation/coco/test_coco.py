# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.coco.cases import mean, pycocotools_arrays, random_case
from yolo_fine.errors import ArgumentError
from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.sizes import parse_sizes

SIZES = ["coco", "aitod", "8,16,32,96", "50", "0.5,1.5,2"]


def rows(columns, keep):
    """The columns of some objects or detections."""
    names = ("image", "boxes", "category", "area", "crowd", "score")
    return replace(columns, **{name: getattr(columns, name)[keep] for name in names if hasattr(columns, name)})


def close(ours, theirs):
    return ours is None if theirs is None else ours == pytest.approx(theirs, abs=1e-9, rel=0)


@pytest.mark.parametrize("max_det", [1, 2, 10, 100, 500])
@pytest.mark.parametrize("seed", range(24))
def test_metrics_are_those_of_pycocotools(seed, max_det):
    truth, detections = random_case(seed, classes=1 + seed % 4, most=3 + 4 * (seed % 5))
    bins = parse_sizes(SIZES[seed % len(SIZES)])
    limits = [limit for limit in (1, 10) if limit < max_det] + [max_det]
    precision, recall = pycocotools_arrays(truth, detections, bins, limits)
    score = evaluate_coco(truth, detections, bins, max_det=max_det)

    expected = {
        "AP": mean(precision[:, :, :, 0, -1]),
        "AP50": mean(precision[0, :, :, 0, -1]),
        "AP75": mean(precision[5, :, :, 0, -1]),
    }
    expected |= {f"AR{limit}": mean(recall[:, :, 0, m]) for m, limit in enumerate(limits)}
    for a, one in enumerate(bins, start=1):
        expected[f"AP_{one.name}"] = mean(precision[:, :, :, a, -1])
        expected[f"AP50_{one.name}"] = mean(precision[0, :, :, a, -1])
        expected[f"AR_{one.name}"] = mean(recall[:, :, a, -1])
    assert score.metrics.keys() == expected.keys()
    for name, value in expected.items():
        assert close(score.metrics[name], value), name

    for k, number in enumerate(sorted(truth.classes)):
        metrics = score.per_class[truth.classes[number]]
        assert close(metrics.AP, mean(precision[:, :, k, 0, -1]))
        assert close(metrics.AP50, mean(precision[0, :, k, 0, -1]))
        assert close(metrics.AP75, mean(precision[5, :, k, 0, -1]))
        assert close(metrics.AR, mean(recall[:, k, 0, -1]))
        for a, one in enumerate(bins, start=1):
            cell = metrics.sizes[one.name]
            assert close(cell.AP, mean(precision[:, :, k, a, -1]))
            assert close(cell.AP50, mean(precision[0, :, k, a, -1]))
            assert close(cell.AR, mean(recall[:, k, a, -1]))
            assert (cell.objects == 0) == (cell.AP is None)
        if truth.classes[number] in score.curves:
            assert np.allclose(score.curves[truth.classes[number]]["precision"], precision[0, :, k, 0, -1], atol=1e-9)
        else:
            assert metrics.objects == 0


def test_many_detections_in_a_image_reach_the_limit():
    truth, detections = random_case(7, images=2, classes=1, most=500)
    for max_det in (10, 100, 500):
        precision, recall = pycocotools_arrays(truth, detections, [], [1, 10, max_det])
        score = evaluate_coco(truth, detections, [], max_det=max_det)
        assert close(score.metrics["AP"], mean(precision[:, :, :, 0, -1]))
        assert close(score.metrics[f"AR{max_det}"], mean(recall[:, :, 0, -1]))
    assert len(detections) > 1000


def test_all_ar_metrics_differ_where_the_limits_matter():
    truth, detections = random_case(7, images=2, classes=1, crowds=False, most=500)
    metrics = evaluate_coco(truth, detections, [], max_det=500).metrics
    assert metrics["AR1"] < metrics["AR10"] < metrics["AR500"]


def test_an_object_on_a_limit_counts_in_both_bins():
    truth, detections = random_case(3, classes=1, crowds=False)
    truth = rows(truth, (truth.category != 99) & (truth.image == truth.image[0]))
    truth = replace(truth, area=np.full(len(truth), 32.0**2))
    score = evaluate_coco(truth, detections, parse_sizes("coco"))
    assert [cell.objects for cell in score.sizes] == [len(truth), len(truth), 0]
    assert score.sizes[2].AP is None
    assert score.metrics["AP_small"] is not None
    assert score.metrics["AP_medium"] is not None


def test_objects_are_counted_without_crowds_and_other_categories():
    truth, detections = random_case(5)
    score = evaluate_coco(truth, detections, parse_sizes("coco"))
    for number, name in truth.classes.items():
        chosen = (truth.category == number) & ~truth.crowd
        assert score.per_class[name].objects == chosen.sum()
        assert score.per_class[name].sizes["small"].objects == (chosen & (truth.area <= 32**2)).sum()
    assert truth.crowd.any()
    assert (truth.category == 99).any()


def test_categories_outside_the_classes_change_nothing():
    truth, detections = random_case(11)
    with_others = evaluate_coco(truth, detections, parse_sizes("coco"))
    without = evaluate_coco(
        rows(truth, truth.category != 99), rows(detections, detections.category != 99), parse_sizes("coco")
    )
    assert with_others.metrics == without.metrics
    assert with_others.confusion == without.confusion
    assert with_others.errors == without.errors


def test_no_detections():
    truth, detections = random_case(1)
    score = evaluate_coco(truth, rows(detections, slice(0)), parse_sizes("coco"))
    assert score.metrics["AP"] == 0
    assert score.metrics["AR500"] == 0
    assert score.curves["all"]["precision"] == [0.0] * 101
    assert score.errors["delta_ap"]["Miss"] is None  # not 0: without any detection there is no AP to gain on
    assert score.errors["counts"]["Miss"] == sum(metrics.objects for metrics in score.per_class.values())


def test_no_objects():
    truth, detections = random_case(1)
    score = evaluate_coco(rows(truth, slice(0)), detections, parse_sizes("coco"))
    assert set(score.metrics.values()) == {None}
    assert score.curves == {}
    assert set(score.errors["delta_ap"].values()) == {None}
    assert sum(map(sum, score.confusion["matrix"])) == sum(score.confusion["matrix"][-1])


def test_neither_objects_nor_detections_nor_images():
    truth, detections = random_case(1)
    truth = replace(rows(truth, slice(0)), names=(), sizes=np.zeros((0, 2), dtype=np.int64))
    assert set(evaluate_coco(truth, rows(detections, slice(0)), parse_sizes("coco")).metrics.values()) == {None}


def test_perfect_detections():
    truth, detections = random_case(2, crowds=False)
    truth = rows(truth, (truth.boxes[:, 2:] > 0).all(axis=1) & (truth.category != 99))
    truth = replace(truth, boxes=truth.boxes + np.arange(len(truth))[:, None] * [1000, 0, 0, 0])  # no two overlap
    found = replace(
        detections,
        image=truth.image,
        boxes=truth.boxes,
        category=truth.category,
        score=np.linspace(0.5, 1, len(truth)),
    )
    score = evaluate_coco(truth, found, parse_sizes("coco"))
    assert score.metrics["AP"] == pytest.approx(1)
    assert score.metrics["AR500"] == 1
    matrix = np.array(score.confusion["matrix"])
    assert np.array_equal(matrix, np.diag(np.diag(matrix)))
    assert score.confusion["names"] == [*(name for _, name in sorted(truth.classes.items())), "background"]
    assert np.diag(matrix)[:-1].tolist() == [score.per_class[name].objects for name in score.confusion["names"][:-1]]


def test_confusion_has_annotated_classes_in_rows():
    truth, detections = random_case(2, images=1, classes=2, crowds=False)
    first, second = sorted(truth.classes)
    box = np.array([[10.0, 10, 50, 50]])
    truth = replace(
        rows(truth, slice(0)),
        image=np.array([0]),
        boxes=box,
        category=np.array([first]),
        area=np.array([2500.0]),
        crowd=np.array([False]),
    )
    found = replace(detections, image=np.array([0]), boxes=box, category=np.array([second]), score=np.array([0.9]))
    assert evaluate_coco(truth, found, []).confusion["matrix"] == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    low = replace(found, score=np.array([0.2]))
    assert evaluate_coco(truth, low, []).confusion["matrix"] == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_max_det_must_allow_one():
    truth, detections = random_case(1)
    with pytest.raises(ArgumentError, match="max_det=0"):
        evaluate_coco(truth, detections, [], max_det=0)


def test_nothing_is_printed(capfd):
    truth, detections = random_case(1)
    evaluate_coco(truth, detections, parse_sizes("aitod"), max_det=300)
    assert capfd.readouterr() == ("", "")
