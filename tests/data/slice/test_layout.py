# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import random

import pytest

from yolo_fine.data.slice.layout import lay_out


def test_slices_are_those_of_sahi():
    slicing = pytest.importorskip("sahi.slicing", reason="SAHI is the optional extra 'sliced'")
    draw = random.Random(0)
    for _ in range(300):
        width, height, size = draw.randint(10, 900), draw.randint(10, 900), draw.randint(32, 400)
        overlap = draw.choice([0.0, 0.1, 0.2, 0.25, 0.5, draw.random() * 0.8])
        expected = slicing.get_slice_bboxes(height, width, size, size, False, overlap, overlap)
        assert lay_out(width, height, size, overlap).tolist() == expected, (width, height, size, overlap)


def test_an_image_that_is_not_larger_is_one_slice():
    assert lay_out(640, 480, 640, 0.2).tolist() == [[0, 0, 640, 480]]
    assert lay_out(641, 480, 640, 0.2).tolist() == [[0, 0, 640, 480], [1, 0, 641, 480]]
