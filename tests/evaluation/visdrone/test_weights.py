# SPDX-License-Identifier: AGPL-3.0-or-later
"""Weights of images against copies of images."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.copies import copies
from tests.evaluation.visdrone.cases import load, packaged_cases
from tests.evaluation.visdrone.scenes import draw_scene
from yolo_fine.evaluation.visdrone.score import METRICS, evaluate_visdrone

IMAGES = 12


@pytest.mark.parametrize("case", packaged_cases(), ids=lambda case: case.name)
def test_weight_one_is_the_score_itself(case):
    truth, detections = load(case)
    score = evaluate_visdrone(truth, detections)
    metrics = score.curves.metrics(np.ones((3, len(truth.names)), dtype=np.int64))
    for key, expected in (("visdrone", score.metrics), ("class_mean", score.metrics["class_mean"])):
        for name in METRICS:
            values = metrics[key][name]
            assert np.isnan(values).all() if expected[name] is None else (values == expected[name]).all()  # to the bit


@pytest.mark.parametrize("seed", range(12))
def test_weights_are_copies_of_images(seed):
    truth, detections = draw_scene(5, images=IMAGES, ties=False)
    draw = np.sort(np.random.default_rng(seed).integers(0, IMAGES, IMAGES))
    tables = evaluate_visdrone(truth, detections).curves.tables(np.bincount(draw, minlength=IMAGES)[None])
    again = evaluate_visdrone(*copies(truth, detections, draw))
    np.testing.assert_allclose(tables.ap[0], again.tables.ap, rtol=0, atol=1e-9)
    np.testing.assert_allclose(tables.ar[0], again.tables.ar, rtol=0, atol=1e-9)
    assert tables.images[0].tolist() == again.tables.images.tolist()
    assert tables.official_mean[0] == pytest.approx([again.metrics[name] for name in METRICS], abs=1e-9)
    assert tables.class_mean[0] == pytest.approx([again.metrics["class_mean"][name] for name in METRICS], abs=1e-9)
