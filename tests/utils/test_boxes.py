# SPDX-License-Identifier: AGPL-3.0-or-later
"""Overlaps against counted pixels."""

from __future__ import annotations

import numpy as np
import pytest

from yolo_fine.utils.boxes import covered, intersections


def random_boxes(generator: np.random.Generator, count: int) -> np.ndarray:
    boxes = np.column_stack([generator.integers(0, 30, (count, 2)), generator.integers(0, 12, (count, 2))])
    return boxes.astype(float)


def mask(box: np.ndarray) -> np.ndarray:
    inside = np.zeros((50, 50), bool)
    left, top, width, height = box.astype(int)
    inside[top : top + height, left : left + width] = True
    return inside


@pytest.mark.parametrize("seed", range(5))
def test_overlaps_are_those_of_counted_pixels(seed: int) -> None:
    generator = np.random.default_rng(seed)
    boxes, regions = random_boxes(generator, 12), random_boxes(generator, 4)
    shared, share = intersections(boxes, regions), covered(boxes, regions)
    union = np.any([mask(region) for region in regions], axis=0)
    for i, box in enumerate(boxes):
        area = mask(box).sum()
        assert share[i] == pytest.approx((mask(box) & union).sum() / area if area else 0)
        for j, region in enumerate(regions):
            assert shared[i, j] == (mask(box) & mask(region)).sum()


def test_no_regions_cover_nothing() -> None:
    assert covered(np.ones((3, 4)), np.zeros((0, 4))).tolist() == [0, 0, 0]
    assert covered(np.zeros((0, 4)), np.ones((2, 4))).shape == (0,)
