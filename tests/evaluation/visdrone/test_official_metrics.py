# SPDX-License-Identifier: AGPL-3.0-or-later
"""Equal to the official tool within 1e-9 percentage points: metrics, tables, counts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.evaluation.visdrone.cases import load, packaged_cases, real_cases
from yolo_fine.evaluation.visdrone.score import METRICS, evaluate_visdrone

NEAR = {"rtol": 0, "atol": 1e-9}


def check(case):
    score = evaluate_visdrone(*load(case))
    expected = json.loads((case / "expected_official.json").read_text())
    np.testing.assert_allclose([score.metrics[name] for name in METRICS], [expected[name] for name in METRICS], **NEAR)
    np.testing.assert_allclose(score.tables.ap, expected["AP_table"], **NEAR)
    for index, limit in enumerate((1, 10, 100, 500)):
        np.testing.assert_allclose(score.tables.ar[:, :, index], expected[f"AR_table_maxdets_{limit}"], **NEAR)
    assert score.tables.images.tolist() == expected["images_per_class"]
    assert (score.objects_left, score.detections_left) == (expected["gt_left"], expected["det_left"])


def test_cases_are_there():
    names = [case.name for case in packaged_cases()]
    assert sum(name.startswith("edge_") for name in names) == 10
    assert sum(name.startswith("fuzz_") for name in names) == 20


@pytest.mark.parametrize("case", packaged_cases(), ids=lambda case: case.name)
def test_synthetic_case(case):
    check(case)


@pytest.mark.skipif(not real_cases(), reason="YOLO_FINE_VISDRONE_CASES names no folder of cases made from VisDrone")
@pytest.mark.parametrize("case", real_cases(), ids=lambda case: case.name)
def test_real_case(case):
    check(case)


def test_both_class_means():
    (case,) = (case for case in packaged_cases() if case.name == "edge_unmatched_class_in_one_image")
    score = evaluate_visdrone(*load(case))
    tricycle, awning = score.per_class["tricycle"], score.per_class["awning-tricycle"]
    assert score.per_class["pedestrian"] == dict.fromkeys(METRICS)  # no object, no metric
    for name in METRICS:
        assert score.metrics[name] == pytest.approx((2 * tricycle[name] + awning[name]) / 3)  # two images and one
        assert score.metrics["class_mean"][name] == pytest.approx((tricycle[name] + awning[name]) / 2)
    assert score.metrics["AP"] != pytest.approx(score.metrics["class_mean"]["AP"])
