# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import cv2
import numpy as np
import pytest

from yolo_fine.data.slice.clip import box_around, clip_boxes, clip_polygon, clip_shape, polygon_area, to_shares
from yolo_fine.formats.yolo_shapes import Shape

PLACE = np.array([10, 20, 30, 40])


def test_boxes_are_cut_and_measured():
    boxes = np.array([[12, 22, 4, 4], [8, 22, 4, 4], [0, 0, 60, 60], [50, 50, 5, 5], [12, 22, 0, 4.0]])
    cut, share = clip_boxes(boxes, PLACE)
    assert cut[:3].tolist() == [[12, 22, 4, 4], [10, 22, 2, 4], [10, 20, 20, 20]]
    assert share == pytest.approx([1, 0.5, 400 / 3600, 0, 0])


def test_a_polygon_inside_stays_to_the_bit_and_one_outside_goes():
    points = np.array([[12.3, 22.1], [20, 25.7], [15, 33]])
    assert clip_polygon(points, PLACE).tolist() == points.tolist()
    assert len(clip_polygon(points + 100, PLACE)) == 0


@pytest.mark.parametrize("seed", range(8))
def test_cut_polygons_cover_the_pixels_that_they_should(seed):
    """Against a rasterised star with concave corners, sixteen times as fine."""
    random, fine = np.random.default_rng(seed), 16
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radius = random.uniform(4, 18, 12)
    points = np.stack([20 + radius * np.cos(angles), 30 + radius * np.sin(angles)], axis=1)

    def painted(polygon):
        canvas = np.zeros((64 * fine, 64 * fine), np.uint8)
        return cv2.fillPoly(canvas, [np.round(polygon * fine).astype(np.int32)], 1)

    expected = painted(points)[20 * fine : 40 * fine, 10 * fine : 30 * fine].sum() / fine**2
    left = clip_polygon(points, PLACE)
    assert polygon_area(left) == pytest.approx(expected, rel=0.03)
    low, sides = box_around(left)[:2], box_around(left)[2:]
    assert (low >= PLACE[:2]).all()
    assert (low + sides <= PLACE[2:]).all()


def test_keypoints_outside_are_hidden():
    shape = Shape(keypoints=np.array([[12, 22, 2], [50, 22, 2], [-1, -1, 0], [30, 40, 1.0]]))
    cut, box, share = clip_shape(shape, PLACE)
    assert (box, share) == (None, None)
    assert to_shares(cut, PLACE).keypoints.tolist() == [[0.1, 0.1, 2], [0, 0, 0], [0, 0, 0], [1, 1, 1]]
