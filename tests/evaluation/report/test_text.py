# SPDX-License-Identifier: AGPL-3.0-or-later
"""The text for the terminal: narrow enough, and its metrics are those of the evaluation."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from tests.evaluation.report.scene import make_detections, make_evaluation, make_truth
from yolo_fine.evaluation.report import rows, sections
from yolo_fine.evaluation.result import Evaluation


@pytest.fixture(scope="module")
def evaluation():
    truth, detections = make_truth(list("abc")), make_detections(3)
    return make_evaluation(truth, detections)


def test_metrics_are_those_of_the_evaluation_in_percent(evaluation):
    text = evaluation.to_text()
    low, high = evaluation.intervals["coco"]["AP"]
    coco, official = evaluation.coco["AP"], evaluation.visdrone["AP"]
    limits = rf" {official - 1:.1f} to {official + 1:.1f} +{evaluation.visdrone['class_mean']['AP']:.2f}$"
    for row in (
        rf"^AP +{100 * coco:.2f}  {100 * low:.1f} to {100 * high:.1f}$",
        rf"^AP +{official:.2f} {limits}",
        r"^COCO AP +\+2\.00  \+1\.00 to \+3\.00 +99\.0% +beyond noise$",
        r"^COCO AP_large +– +not defined +– +no such object$",
    ):
        assert re.search(row, text, re.MULTILINE), row
    for size in evaluation.sizes:
        if size.AP is not None:
            assert re.search(rf"^{size.name} .*\b{size.objects} +{100 * size.AP:.2f} ", text, re.MULTILINE)
    whole, sliced = 100 * evaluation.whole.coco["AP"], 100 * coco
    gain = sliced - whole
    (said,) = re.findall(rf"^COCO AP +{whole:.2f} +{sliced:.2f} +(.*)$", text, re.MULTILINE)
    assert said.split("  ") == [f"{gain:+.2f}", f"{gain - 1:+.2f} to {gain + 1:+.2f}", "beyond noise"]
    assert re.search(r"^total +3\.50 +12\.50 +\+9\.00$", text, re.MULTILINE)
    small = evaluation.per_class['car & "van"'].sizes["small"]
    (row,) = [row for row in rows.class_table(evaluation).rows if row["by class"].startswith("car")]
    assert str(row["AP small"]) == f"{100 * small.AP:.2f} ({small.objects})"
    assert str(row["AP small"]) in text


def test_classes_without_objects_are_a_sentence_and_not_rows(evaluation):
    table = rows.class_table(evaluation)
    nothing = dataclasses.replace(evaluation.per_class['car & "van"'], objects=0, AP=None, AP50=None)
    many = {f"nothing {i}": nothing for i in range(60)}
    told = dataclasses.replace(evaluation, per_class=evaluation.per_class | many)
    assert rows.class_table(told).rows == table.rows
    left_out = [name for name, metrics in told.per_class.items() if not metrics.objects]
    said = f"{len(left_out)} of {len(told.per_class)} classes have no objects here, and no metrics: "
    words = f"{said}{', '.join(left_out[:8])} and {len(left_out) - 8} more."
    assert words in " ".join(told.to_text().split())
    page = sections.classes(told)
    assert words in page
    assert "nothing 59" not in page
    text = dataclasses.replace(evaluation, per_class=many).to_text()
    assert "60 of 60 classes have no objects here" in " ".join(text.split())
    assert "<table" not in sections.classes(dataclasses.replace(evaluation, per_class=many))


def test_says_what_it_means(evaluation):
    text = " ".join(evaluation.to_text().split())
    for words in (
        "All metrics are percent.", "official", "class mean", "image-weighted", "bootstrap over images",
        "3 images are few: the intervals are rough ones.", "Not defined: coco AP_large (no such object).",
        "Compared with runs/<b>other</b>/eval.json", "total 12.5 ms per image",
    ):  # fmt: skip
        assert words in text


def test_the_summary_is_short_and_the_table_in_percent(evaluation):
    assert repr(evaluation) == evaluation.summary()
    lines = evaluation.summary().splitlines()
    assert len(lines) == 3
    assert f"AP_small {100 * evaluation.coco['AP_small']:.2f}" in lines[1]
    assert lines[2].startswith(f"VisDrone, percent: AP {evaluation.visdrone['AP']:.2f}, AP50 ")
    first = evaluation.table()[0]
    assert (first["protocol"], first["metric"]) == ("COCO", "AP")
    assert first["percent"] == 100 * evaluation.coco["AP"]
    assert first["low"] == 100 * evaluation.intervals["coco"]["AP"][0]
    assert "<table>" in evaluation._repr_html_()


def test_numbers_that_json_does_not_know_are_null(evaluation):
    broken = dataclasses.replace(evaluation, speed={"total": float("nan")}, folder=Path("runs"))
    broken.errors = {"delta_ap": {"Cls": float("inf")}, "counts": {}}
    content = json.loads(json.dumps(broken.to_dict(), allow_nan=False))
    assert content["speed"] == {"total": None}
    assert content["errors"]["delta_ap"] == {"Cls": None}
    assert "folder" not in content


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
    text = evaluation.to_text()
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "\x1b" not in text
    assert all(size.name in text for size in evaluation.sizes)


def test_what_is_not_there_leaves_no_trace():
    text = Evaluation({"AP": 0.5, "AP50": None}, None, [], {}, {}).to_text()
    assert re.search("^AP +50.00$", text, re.MULTILINE)
    assert re.search("^AP50 +–$", text, re.MULTILINE)
    for word in ("VisDrone", "interval", "size", "by class", "Compared", "Speed", "Whole", "None"):
        assert word not in text
