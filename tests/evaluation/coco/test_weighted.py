# SPDX-License-Identifier: AGPL-3.0-or-later
"""Our own matches against the engine's, and weights of images against copies of images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.coco.cases import random_case
from tests.evaluation.copies import copies
from yolo_fine.evaluation.coco.score import evaluate_coco
from yolo_fine.evaluation.coco.weighted import coco_curves
from yolo_fine.evaluation.sizes import parse_sizes


@pytest.mark.parametrize("max_det", [1, 2, 3, 10, 500])
@pytest.mark.parametrize("sizes", ["coco", "8,32", "0.5,1.5,2", "50"])
def test_with_every_weight_one_the_metrics_are_the_engines(sizes, max_det):
    bins = parse_sizes(sizes)
    for seed in range(12):  # ties, crowds, objects on the limits of bins
        case = random_case(seed, classes=1 + seed % 4, most=3 + 4 * (seed % 5))
        score = evaluate_coco(*case, bins, max_det=max_det)
        weights = np.ones((1, len(case[0].names)), dtype=np.int64)
        for name, (value,) in coco_curves(*case, bins, max_det).metrics(weights)["coco"].items():
            metric = score.metrics[name]
            assert np.isnan(value) if metric is None else value == pytest.approx(metric, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_an_image_drawn_twice_counts_twice(seed):
    truth, detections = random_case(seed)
    # Equal scores in two images have an order, and repeating images changes it: scores without ties.
    detections = replace(detections, score=np.random.default_rng(seed).permutation(len(detections)) / len(detections))
    bins = parse_sizes("coco")
    weights = np.random.default_rng(seed).integers(0, 4, (20, len(truth.names)))
    metrics = coco_curves(truth, detections, bins, 500).metrics(weights)["coco"]
    for r, row in enumerate(weights):
        again = evaluate_coco(*copies(truth, detections, np.repeat(np.arange(len(row)), row)), bins)
        for name, values in metrics.items():
            # Copies of an image share scores, so a false alarm may come before or behind the second find. Recall
            # knows no order.
            near = {"abs": 1e-12 if name.startswith("AR") else 0.02}
            expected = again.metrics[name]
            assert np.isnan(values[r]) if expected is None else values[r] == pytest.approx(expected, **near)
