# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/evaluation.md names every key of eval.json and every argument, and nothing that isn't there."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from pathlib import Path

import pytest

from tests.evaluation.report.scene import make_detections, make_evaluation, make_truth
from yolo_fine.evaluation.bootstrap import Bootstrap
from yolo_fine.evaluation.groups import each_image
from yolo_fine.evaluation.manifest import build_manifest
from yolo_fine.evaluation.measure import differences, intervals, measure
from yolo_fine.evaluation.metrics import ClassMetrics, DetectorMetrics, EvaluationData, SizeBin, SizeCell
from yolo_fine.evaluation.result import SCHEMA
from yolo_fine.evaluation.sizes import parse_sizes

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "evaluation.md").read_text(encoding="utf-8")
KEYS = PAGE[PAGE.index("## eval.json") : PAGE.index("## Input that")]
ARGUMENTS = PAGE[PAGE.index("## Arguments") : PAGE.index("## Two protocols")]


def named(text):
    return {word for words in re.findall(r"`([^`]+)`", text) for word in words.split()}


def rows(text):
    return [cell for line in text.splitlines() if line.startswith("| `") for cell in named(line.split("|")[1])]


@pytest.mark.parametrize("kind", [EvaluationData, DetectorMetrics, ClassMetrics, SizeBin, SizeCell])
def test_every_field_is_documented(kind):
    assert {field.name for field in dataclasses.fields(kind)} <= named(KEYS)


def test_the_keys_of_the_page_are_those_of_the_file():
    top, manifest = (rows(part) for part in KEYS.split("`manifest`:"))
    truth, detections = make_truth(["a"]), make_detections(1)
    evaluation = make_evaluation(truth, detections)
    content = json.loads(json.dumps(evaluation.to_dict()))
    assert set(top) == set(content)
    made = build_manifest(truth, "visdrone", None, ["coco"], {"max_det": 500, "sizes": "coco"})
    assert set(manifest) == {*made, "groups", "notes"}
    assert set(made["data"]) <= named(KEYS)
    for part in ("confusion", "errors"):
        assert set(content[part]) <= named(KEYS)
    assert {*content["errors"]["delta_ap"], *content["errors"]["counts"]} <= named(KEYS)
    assert set(content["visdrone"]) <= named(KEYS)
    assert f"| `schema` | {SCHEMA};" in KEYS


def test_the_keys_of_a_comparison_are_documented():
    truth, detections = make_truth(["a", "b"]), make_detections(2)
    measured = measure(truth, detections, ["coco", "visdrone"], parse_sizes("coco"), 500)
    bootstrap = Bootstrap(each_image(2), resamples=20)
    samples = measured.resample(bootstrap)
    made = differences(measured, measured, samples, bootstrap)
    (row,) = [line for line in KEYS.splitlines() if line.startswith("| `comparison`")]
    for key in ("with", "differing", "rules", *made, *made["coco"]["AP"], *made["visdrone"]["AP"]):
        assert f"`{key}`" in row
    assert set(intervals(measured, samples, bootstrap)) <= named(KEYS)


def test_every_argument_is_documented():
    from yolo_fine.evaluation.run import evaluate

    assert set(rows(ARGUMENTS)) | named(ARGUMENTS) >= set(inspect.signature(evaluate).parameters)
    described = [word.strip(",") for word in rows(ARGUMENTS)]
    assert set(described) == set(inspect.signature(evaluate).parameters)
