# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files to metrics, against metrics that pycocotools gave for the same files (see make_data.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.sizes import parse_sizes
from yolo_fine.formats.coco_files import read_instances, read_results

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "expected.json").read_text())


@pytest.mark.parametrize("case", EXPECTED)
def test_recorded_metrics(case):
    sizes, max_det = (word.split("=")[1] for word in case.split())
    truth = read_instances(DATA / "instances.json")
    found = read_results(DATA / "results.json", truth)
    metrics = evaluate_coco(truth, found, parse_sizes(sizes), max_det=int(max_det)).metrics
    assert 0 < EXPECTED[case]["AP"] < 1  # worth recording
    for name, value in EXPECTED[case].items():
        assert metrics[name] == (value if value is None else pytest.approx(value, abs=1e-9, rel=0)), name
