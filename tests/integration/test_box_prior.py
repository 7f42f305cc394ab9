# SPDX-License-Identifier: AGPL-3.0-or-later
"""New box branches start with boxes of the size that the prior asks for."""

from __future__ import annotations

import pytest
import torch
from ultralytics import YOLO

from yolo_fine.integration.box_prior import set_box_prior


def mean_reach(head, level):
    """How many strides the boxes of a level reach to each side, from its bias alone."""
    bins = head.cv2[level][-1].bias.detach().view(4, -1).softmax(1)
    return (bins * torch.arange(bins.shape[1])).sum(1)


@pytest.fixture
def head():
    return YOLO("yolo11n.yaml").model.model[-1]


def test_boxes_reach_as_far_as_asked(head):
    assert mean_reach(head, 0).tolist() == pytest.approx([7.5] * 4)
    weights = head.cv2[0][-1].weight.clone()
    assert set_box_prior(head, [0], 2.0) == [0]
    assert mean_reach(head, 0).tolist() == pytest.approx([2.03] * 4, abs=0.03)
    assert mean_reach(head, 1).tolist() == pytest.approx([7.5] * 4)
    assert torch.equal(head.cv2[0][-1].weight, weights)


def test_a_mean_of_0_changes_nothing(head):
    before = head.cv2[0][-1].bias.clone()
    assert set_box_prior(head, [0, 1, 2], 0.0) == []
    assert torch.equal(head.cv2[0][-1].bias, before)


def test_heads_without_distributions_need_none():
    head = torch.nn.Module()
    head.reg_max = 1
    assert set_box_prior(head, [0], 2.0) == []
