# SPDX-License-Identifier: AGPL-3.0-or-later
"""The text for the terminal: narrow enough, and its metrics are those of the evaluation."""

from __future__ import annotations

import re

import pytest

from tests.evaluation.report.scene import make_detections, make_evaluation, make_truth
from yolo_fine.evaluation.report.terminal import format_evaluation
from yolo_fine.evaluation.result import Evaluation


@pytest.fixture(scope="module")
def evaluation():
    truth, detections = make_truth(list("abc")), make_detections(3)
    return make_evaluation(truth, detections)


def test_metrics_are_those_of_the_evaluation_in_percent(evaluation):
    text = format_evaluation(evaluation)
    low, high = evaluation.intervals["coco"]["AP"]
    coco, official = evaluation.coco["AP"], evaluation.visdrone["AP"]
    head = rf"^AP +{100 * coco:.2f}  {100 * low:.1f} to {100 * high:.1f} +AP +{official:.2f} "
    head += rf" {official - 1:.1f} to {official + 1:.1f} +{evaluation.visdrone['class_mean']['AP']:.2f}$"
    assert re.search(head, text, re.MULTILINE)
    for size in evaluation.sizes:
        if size.AP is not None:
            assert re.search(rf"^{size.name} .*\b{size.objects} +{100 * size.AP:.2f} ", text, re.MULTILINE)
    small = evaluation.per_class['car & "van"'].sizes["small"]
    assert re.search(rf'^car & "van" +{100 * small.AP:.2f} +{small.objects} ', text, re.MULTILINE)
    whole, sliced = 100 * evaluation.whole.coco["AP"], 100 * coco
    assert re.search(
        rf"^COCO AP +{whole:.2f} +{sliced:.2f} +{re.escape(f'{sliced - whole:+.2f}')}$", text, re.MULTILINE
    )


def test_says_what_it_means(evaluation):
    text = format_evaluation(evaluation)
    for words in (
        "All metrics are percent.", "official", "class mean", "image-weighted", "bootstrap over images",
        "beyond noise", "Compared with runs/<b>other</b>/eval.json", "total 12.5 ms per image",
    ):  # fmt: skip
        assert words in text


@pytest.mark.parametrize("sizes", ["coco", "aitod", "4,8,12,16,24,32,48"])
def test_a_hundred_columns_at_most(sizes):
    truth, detections = make_truth(list("abc")), make_detections(3)
    evaluation = make_evaluation(truth, detections, sizes)
    evaluation.per_class["a class with a name that goes on and on and on\n\x1b[31m"] = evaluation.per_class[
        'car & "van"'
    ]
    evaluation.manifest["notes"] = ["a note that is much longer than a line of a terminal could ever hold " * 3]
    for size in evaluation.sizes:
        size.objects = 12_345_678
    for metrics in evaluation.per_class.values():
        metrics.objects = 12_345_678
        for cell in metrics.sizes.values():
            cell.objects, cell.AP = 12_345_678, 1.0
    text = format_evaluation(evaluation)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "\x1b" not in text
    assert all(size.name in text for size in evaluation.sizes)


def test_what_is_not_there_leaves_no_trace():
    text = format_evaluation(Evaluation({"AP": 0.5, "AP50": None}, None, [], {}, {}))
    assert re.search("^AP +50.00$", text, re.MULTILINE)
    assert re.search("^AP50 +–$", text, re.MULTILINE)
    for word in ("VisDrone", "interval", "size", "class (", "Compared", "Speed", "Whole", "None"):
        assert word not in text
