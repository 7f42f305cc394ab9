# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pairs against a plain loop, however many are worked on at a time."""

from __future__ import annotations

import pytest

from tests.evaluation.visdrone.scenes import draw_scene
from yolo_fine.evaluation import pairs as pairs_module
from yolo_fine.evaluation.pairs import overlapping_pairs
from yolo_fine.formats.objects import Detections, GroundTruth


def plain_pairs(truth: GroundTruth, detections: Detections, least: float) -> dict[tuple[int, int], float]:
    found = {}
    for d, (x, y, w, h) in enumerate(detections.boxes.tolist()):
        for t, (left, top, width, height) in enumerate(truth.boxes.tolist()):
            shared_width = min(x + w, left + width) - max(x, left)
            shared_height = min(y + h, top + height) - max(y, top)
            if detections.image[d] != truth.image[t] or shared_width <= 0 or shared_height <= 0:
                continue
            shared = shared_width * shared_height
            overlap = shared / (w * h) if truth.crowd[t] else shared / (w * h + width * height - shared)
            if overlap >= least:
                found[d, t] = overlap
    return found


@pytest.mark.parametrize("cells", [1, 7, 2**20])
@pytest.mark.parametrize("least", [0.1, 0.5])
def test_pairs_are_those_of_a_plain_loop(least: float, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_module, "CELLS", cells)
    for seed in range(10):
        truth, detections = draw_scene(seed)
        pairs = overlapping_pairs(truth, detections, least)
        keys = zip(pairs.detection.tolist(), pairs.target.tolist(), strict=True)
        found = dict(zip(keys, pairs.overlap.tolist(), strict=True))
        assert len(found) == len(pairs.overlap)
        assert found == plain_pairs(truth, detections, least)
