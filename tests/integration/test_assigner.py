# SPDX-License-Identifier: AGPL-3.0-or-later
"""The assigner's settings, with values computed by hand; what is not asked for is stock to the bit."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from ultralytics.utils.loss import BboxLoss
from ultralytics.utils.tal import TaskAlignedAssigner

from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.assign_settings import AssignSettings, read_assign_settings
from yolo_fine.integration.assigner import (
    FineAssigner,
    FineBoxLoss,
    anchor_strides,
    apply_settings,
    gate,
    nwd,
    with_floor,
)

TAKES_MASK = "mask_gt" in inspect.signature(TaskAlignedAssigner.select_candidates_in_gts).parameters
TAKES_SIZES = len(inspect.signature(BboxLoss.forward).parameters) >= 10
HEADS = {"P3-P5": [8, 16, 32], "P2-P5": [4, 8, 16, 32]}


def anchors(strides, size=64):
    """Centres in pixels, and the stride of each."""
    places, owners = [], []
    for stride in strides:
        centre = (torch.arange(size // stride) + 0.5) * stride
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        places.append(torch.stack([x, y], -1).view(-1, 2))
        owners.append(torch.full(((size // stride) ** 2,), float(stride)))
    return torch.cat(places), torch.cat(owners)


class Criterion:
    """What Ultralytics' detection losses have of an assigner and a box loss."""

    def __init__(self, strides, classes=1):
        takes_stride = "stride" in inspect.signature(TaskAlignedAssigner.__init__).parameters
        more = {"stride": [float(stride) for stride in strides]} if takes_stride else {}
        self.assigner = TaskAlignedAssigner(topk=10, num_classes=classes, alpha=0.5, beta=6.0, **more)
        self.bbox_loss = BboxLoss(16)


def assigner(strides, **settings):
    criterion = Criterion(strides)
    if settings:
        assert apply_settings(criterion, AssignSettings(**settings), strides) == 1
    return criterion.assigner


def candidates(strides, box, **settings):
    """Candidates of one box on a 64x64 input, by level."""
    places, owners = anchors(strides)
    boxes = torch.tensor([[box]], dtype=torch.float32)
    chosen = assigner(strides, **settings)
    masks = [torch.ones(1, 1, 1)] if TAKES_MASK else []
    found = chosen.select_candidates_in_gts(places, boxes, *masks)[0, 0].bool()
    return [int((found & (owners == stride)).sum()) for stride in strides]


def run(chosen, boxes, scores, truth):
    places, _ = anchors(HEADS["P3-P5"])
    count = truth.shape[1]
    return chosen(scores, boxes, places, torch.zeros(1, count, 1), truth, torch.ones(1, count, 1))


@pytest.mark.parametrize(
    ("head", "box", "by_floor"),
    [
        ("P3-P5", [6, 6, 10, 10], {0: [0, 1, 0], 8: [0, 1, 0], 16: [4, 1, 0]}),
        ("P3-P5", [9, 9, 11, 11], {0: [0, 0, 0], 16: [4, 1, 1]}),
        ("P3-P5", [12, 12, 24, 24], {0: [1, 0, 1], 8: [1, 0, 1], 16: [4, 1, 1]}),
        ("P3-P5", [8, 10, 12, 30], {0: [0, 0, 0], 16: [6, 1, 1]}),  # 4 x 20: width and height count apart
        ("P2-P5", [9, 9, 11, 11], {0: [1, 0, 0, 0], 8: [1, 1, 1, 0]}),
        ("P2-P5", [8, 10, 12, 30], {0: [4, 0, 0, 0], 8: [4, 3, 1, 0]}),
        ("P2-P5", [16, 16, 32, 32], {0: [16, 4, 1, 0], 8: [16, 4, 1, 0]}),
    ],
)
def test_a_floor_gives_the_same_candidates_on_every_release(head, box, by_floor):
    for floor, expected in by_floor.items():
        assert candidates(HEADS[head], box, floor=float(floor)) == expected


def test_padding_does_not_grow():
    boxes = torch.tensor([[[0.0, 0, 0, 0], [9, 9, 11, 11]]])
    assert with_floor(boxes, 8.0).tolist() == [[[0, 0, 0, 0], [6, 6, 14, 14]]]


def test_without_overlap_there_is_no_positive_until_nwd_makes_some():
    boxes = torch.tensor([60.0, 60, 63, 63]).expand(1, 84, 4).clone()
    truth = torch.tensor([[[9.0, 9, 11, 11]]])
    scores = torch.full((1, 84, 1), 0.5)
    stock = run(assigner(HEADS["P3-P5"], floor=16.0), boxes, scores, truth)
    assert int(stock[3].sum()) == 0
    with_nwd = run(assigner(HEADS["P3-P5"], floor=16.0, nwd=0.5, nwd_below=0), boxes, scores, truth)
    assert int(with_nwd[3].sum()) == 6
    assert float(with_nwd[2].max()) < 1e-9  # positives, but no signal: the boxes are far off


@pytest.mark.parametrize(("side", "label"), [(16, 0.2499), (20, 0.1589), (32, 0.02157), (40, 0.001398), (60, 4.96e-6)])
def test_eps_is_why_labels_of_small_objects_vanish(side, label):
    half = side / 2
    boxes = torch.tensor([10 - half, 10 - half, 10 + half, 10 + half]).expand(1, 84, 4).clone()
    truth, scores = torch.tensor([[[6.0, 6, 14, 14]]]), torch.full((1, 84, 1), 7.8125e-5)
    found = run(assigner(HEADS["P3-P5"], floor=16.0), boxes, scores, truth)
    assert float(found[2].max()) == pytest.approx(label, rel=1e-3)
    without = run(assigner(HEADS["P3-P5"], floor=16.0, eps=1e-20), boxes, scores, truth)
    assert float(without[2].max()) == pytest.approx(64 / side**2, rel=1e-2 if side < 60 else 0.5)


@pytest.mark.parametrize(
    ("one", "other", "c", "value"),
    [
        ([0, 0, 8, 8], [3, 4, 11, 12], 12.8, 0.676634),
        ([0, 0, 8, 8], [3, 4, 11, 12], 8.0, 0.535261),
        ([0, 0, 8, 8], [4, 0, 12, 8], 12.8, 0.731616),
        ([0, 0, 64, 64], [32, 0, 96, 64], 12.8, 0.082085),
        ([0, 0, 8, 8], [16, 0, 24, 8], 12.8, 0.286505),  # disjoint
        ([12, 12, 20, 20], [0, 0, 32, 32], 12.8, 0.265584),
        ([0, 0, 8, 4], [2, -2, 6, 6], 12.8, 0.801740),  # 8x4 and 4x8 about one centre
        ([5, 5, 9, 9], [5, 5, 9, 9], 12.8, 1.0),
    ],
)
def test_nwd_by_hand(one, other, c, value):
    boxes = (torch.tensor([side], dtype=torch.float32) for side in (one, other))
    assert float(nwd(*boxes, c)) == pytest.approx(value, abs=2e-6)


def test_nwd_leaves_large_objects_as_they_are():
    strides = HEADS["P3-P5"]
    truth = torch.tensor([[0.0, 0, 32, 32], [0, 0, 64, 16], [0, 0, 8, 8]])
    found = truth + torch.tensor([3.0, 1, 5, 2])
    stock = assigner(strides).iou_calculation(truth, found)
    ours = assigner(strides, nwd=1.0).iou_calculation(truth, found)
    assert torch.equal(ours[:2], stock[:2])
    assert float(ours[2]) > float(stock[2])
    assert gate(truth, 32.0).tolist() == [0.0, 0.0, 0.75]
    assert gate(truth, 0.0).tolist() == [1.0, 1.0, 1.0]


def box_loss(found, wanted, weights, strides=(8, 16, 32), settings=None, level=0):
    """The first term of the box loss for pairs on one level, in stride units, as Ultralytics calls it."""
    places, owners = anchors(strides)
    units = places / owners[:, None]
    first = int((owners < strides[level]).sum())
    count, total = len(found), len(places)
    boxes, targets, scores = torch.zeros(1, total, 4), torch.zeros(1, total, 4), torch.zeros(1, total, 1)
    mask = torch.zeros(1, total, dtype=torch.bool)
    rows = slice(first, first + count)
    boxes[0, rows], targets[0, rows] = found / strides[level], wanted / strides[level]
    scores[0, rows, 0], mask[0, rows] = torch.tensor(weights), True
    criterion = Criterion(strides)
    if settings:
        apply_settings(criterion, settings, [float(stride) for stride in strides])
    more = [torch.tensor([64.0, 64]), owners[:, None]] if TAKES_SIZES else []
    distances = torch.zeros(1, total, 64)
    return float(criterion.bbox_loss(distances, boxes, units, targets, scores, scores.sum(), mask, *more)[0])


def test_nwd_in_the_box_loss_is_in_pixels_whatever_the_level():
    found, wanted = torch.tensor([[3.0, 4, 11, 12]]), torch.tensor([[0.0, 0, 8, 8]])
    only_nwd = AssignSettings(box_nwd=1.0, nwd_below=0)
    for level in (0, 2):
        assert box_loss(found, wanted, [1.0], settings=only_nwd, level=level) == pytest.approx(1 - 0.676634, abs=2e-6)


def test_nwd_in_the_box_loss_weighs_pair_by_pair():
    found = torch.tensor([[3.0, 4, 11, 12], [4, 0, 12, 8]])
    wanted = torch.tensor([[0.0, 0, 8, 8], [0, 0, 8, 8]])
    settings = AssignSettings(box_nwd=1.0, nwd_below=0)
    expected = (2 * (1 - 0.676634) + (1 - 0.731616)) / 3
    assert box_loss(found, wanted, [2.0, 1.0], settings=settings) == pytest.approx(expected, abs=2e-6)
    half = box_loss(found, wanted, [2.0, 1.0], settings=AssignSettings(box_nwd=0.5, nwd_below=0))
    assert half == pytest.approx((expected + box_loss(found, wanted, [2.0, 1.0])) / 2, abs=1e-6)


def test_strides_of_anchors_are_found_by_their_places():
    places, owners = anchors([4, 8, 16, 32])
    assert torch.equal(anchor_strides(places / owners[:, None], [4.0, 8, 16, 32]), owners)


def test_what_is_not_asked_for_is_stock_to_the_bit():
    torch.manual_seed(0)
    strides = HEADS["P3-P5"]
    places, _ = anchors(strides)
    corner = torch.rand(2, 30, 2) * 48
    truth = torch.cat([corner, corner + torch.rand(2, 30, 2) * 24], -1)
    truth[:, 25:] = 0
    mask = (truth.sum(-1, keepdim=True) > 0).float()
    boxes = torch.cat([places - 6, places + 6], -1).expand(2, -1, -1) + torch.randn(2, 84, 4)
    scores = torch.rand(2, 84, 1)
    stock, ours = assigner(strides), assigner(strides, eps=1e-9)
    results = [one(scores, boxes, places, torch.zeros(2, 30, 1), truth, mask) for one in (stock, ours)]
    assert type(ours) is FineAssigner
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_assigners_of_other_tasks_are_left_alone():
    from ultralytics.utils.tal import RotatedTaskAlignedAssigner

    criterion = Criterion(HEADS["P3-P5"])
    criterion.assigner = RotatedTaskAlignedAssigner(topk=10, num_classes=1)
    assert apply_settings(criterion, AssignSettings(floor=8.0), [8.0, 16, 32]) == 0
    assert type(criterion.assigner) is RotatedTaskAlignedAssigner


def test_both_branches_of_an_end_to_end_head_are_changed():
    criterion = type("E2E", (), {})()
    criterion.one2many, criterion.one2one = Criterion([8, 16, 32]), Criterion([8, 16, 32])
    for _ in range(2):  # a second time changes nothing more
        assert apply_settings(criterion, AssignSettings(floor=8.0, box_nwd=0.5), [8.0, 16, 32]) == 2
    assert type(criterion.one2one.assigner) is FineAssigner
    assert type(criterion.one2one.bbox_loss) is FineBoxLoss


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (8, "my.yaml: assign must be a mapping, as assign: {floor: 8}, got 8"),
        ({"flor": 8}, "my.yaml: assign has no key 'flor'; did you mean floor?"),
        ({"floor": "small"}, "assign floor must be 0 to 256 or stock, got 'small'"),
        ({"floor": -1}, "assign floor must be 0 to 256 or stock, got -1"),
        ({"nwd": 2}, "assign nwd must be 0 to 1, got 2"),
        ({"nwd": True}, "assign nwd must be 0 to 1, got True"),
        ({"nwd_c": math.nan}, "assign nwd_c must be 0.1 to 1000, got nan"),
    ],
)
def test_wrong_settings_are_one_message(value, message):
    with pytest.raises(ModelYamlError) as caught:
        read_assign_settings(value, "my.yaml")
    assert message in str(caught.value)


def test_settings_are_read_and_said():
    settings = read_assign_settings({"floor": 8, "nwd": "0.5", "eps": "1e-20"}, "my.yaml")
    assert settings == AssignSettings(floor=8, nwd=0.5, eps=1e-20)
    assert settings.words == "assigner floor 8 px, NWD 0.5 (C 12.8 px below 32 px), eps 1e-20"
    assert read_assign_settings({"floor": "stock"}, "my.yaml").is_stock
