# SPDX-License-Identifier: AGPL-3.0-or-later
"""Narrow branches at stride 4: their widths, and that they stay so wherever a model goes."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import yaml
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

from yolo_fine.composer import compose as composing
from yolo_fine.composer import reshaping
from yolo_fine.composer.compose import compose_text
from yolo_fine.composer.shape import Shape
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.branch_width import BranchShares, has_narrow_branches, narrow_branches, with_width
from yolo_fine.integration.checkpoints import checkpoint_of
from yolo_fine.integration.model_files import known_files
from yolo_fine.integration.model_names import with_scale
from yolo_fine.integration.parsing.vocabulary import has_depthwise_classes
from yolo_fine.integration.transfer.transfer_report import NO_BRANCH, NO_LAYER
from yolo_fine.integration.transfer.weights import transfer
from yolo_fine.integration.versions import installed_version
from yolo_fine.integration.yaml_text import read_model

new_only = pytest.mark.skipif(installed_version() < (8, 4), reason="YOLO26 came with Ultralytics 8.4.0")
LISTS = ("cv2", "cv3", "one2one_cv2", "one2one_cv3")


def composed(base, share):
    """The rows of a stock model with the levels P2 to P4; that they build at every scale is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reshaping, "check_every_scale", lambda text, file: None)
        patch.setattr(composing, "check_result", lambda text, name, out: None)
        return yaml.safe_load(compose_text(base, {}, Shape("p2,p3,p4", p2_branch=share)).text)


@pytest.fixture(scope="module")
def rows():
    return composed("yolo11n", 0.5)


def build(rows, nc=80, scale="n", **keys):
    return DetectionModel({**copy.deepcopy(rows), "scale": scale, **keys}, nc=nc, verbose=False)


def widths(head, name):
    return [branch[-1].in_channels for branch in getattr(head, name)]


def test_the_branch_at_stride_4_is_narrow_and_the_others_are_as_in_the_stock_model(rows):
    head, stock = (model.model[-1] for model in (build(rows), DetectionModel("yolo11n.yaml", verbose=False)))
    assert widths(head, "cv2") == [16, *widths(stock, "cv2")[:2]] == [16, 64, 64]
    assert widths(head, "cv3") == [16, *widths(stock, "cv3")[:2]] == [16, 80, 80]
    for name in ("cv2", "cv3"):  # Ultralytics' own layers in their order
        kinds = [[type(layer) for layer in branch.modules()] for branch in getattr(head, name)]
        assert kinds[0] == kinds[1]
    assert "bias_init" not in vars(head)
    assert head.cv3[0][-1].bias.unique().item() == pytest.approx(-12.92, abs=0.01)  # log(5 / 80 / 160 ** 2)
    assert has_narrow_branches(head)
    assert not has_narrow_branches(stock)


@pytest.mark.parametrize(("share", "width"), [(0.01, 8), (0.25, 8), (1, 32), (4, 64)])
def test_widths_are_multiples_of_8_and_never_above_stock(rows, share, width):
    assert widths(build(rows, p2_branch=share).model[-1], "cv2")[0] == width


@pytest.mark.parametrize(
    ("shares", "box", "classes"),
    [
        ({"p2_branch": 1, "p2_class": 0}, 32, 80),
        ({"p2_branch": 0, "p2_class": 0.5}, 64, 16),
        ({"p2_branch": 0.5, "p2_class": 1}, 16, 32),
    ],
)
def test_the_class_branch_may_have_a_width_of_its_own(rows, shares, box, classes):
    head = build(rows, **shares).model[-1]
    assert (widths(head, "cv2"), widths(head, "cv3")) == ([box, 64, 64], [classes, 80, 80])
    few = build(rows, nc=3, **shares).model[-1]  # where stock with a level at stride 4 would make all 32 wide
    assert widths(few, "cv3") == [min(classes, 64), 64, 64]


def test_without_a_level_at_stride_4_nothing_changes(rows):
    head = DetectionModel("yolo11n.yaml", verbose=False).model[-1]
    before = copy.deepcopy(head.state_dict())
    assert narrow_branches(head, BranchShares(0.5, 0.5)) == []
    assert all(torch.equal(value, before[key]) for key, value in head.state_dict().items())
    assert widths(build(rows, p2_branch=0).model[-1], "cv2") == [64, 64, 64]


@new_only
def test_both_branches_of_an_end_to_end_head_are_narrow():
    head = build(composed("yolo26n", 0.25)).model[-1]
    assert [widths(head, name) for name in LISTS] == [[8, 16, 16], [8, 80, 80]] * 2
    for one, other in (("cv2", "one2one_cv2"), ("cv3", "one2one_cv3")):  # stock starts both alike
        states = (getattr(head, name).state_dict() for name in (one, other))
        assert all(torch.equal(a, b) for a, b in zip(*(state.values() for state in states), strict=True))


@pytest.mark.parametrize("scale", ["n", "s"])
@pytest.mark.parametrize("nc", [80, 3])
def test_pretrained_branches_arrive_and_the_narrow_one_stays_so(rows, nc, scale):
    source = DetectionModel(f"yolo11{scale}.yaml", verbose=False)
    target = build(rows, nc, scale)
    narrow = widths(target.model[-1], "cv3")[0]
    report = transfer(target, source, verbose=False)
    head, theirs = target.model[-1], source.model[-1]
    assert widths(head, "cv3") == [narrow, *widths(theirs, "cv3")[:2]]
    for level in range(2):
        for ours, pretrained in ((head.cv2, theirs.cv2), (head.cv3, theirs.cv3)):
            hidden = [*zip(ours[level + 1].parameters(), pretrained[level].parameters(), strict=True)]
            own = 2 * (ours is head.cv3 and nc != 80)  # the last convolution's
            assert all(torch.equal(a, b) for a, b in hidden[: len(hidden) - own])
    expected = torch.log(torch.tensor([5 / nc / (640 / stride) ** 2 for stride in (4, 8, 16)]))
    if nc != 80:
        assert torch.allclose(torch.stack([branch[-1].bias[0].detach() for branch in head.cv3]), expected)
    assert report.box_prior.levels == (4,)
    assert {lost.reason for lost in report.not_transferred} == {NO_LAYER, NO_BRANCH}
    assert not report.warning  # P5 was left out on purpose
    again = build(rows, nc, scale)  # as when a run is resumed or a trained model is trained again
    transfer(again, target, verbose=False)
    state = target.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in again.state_dict().items())
    other = build(rows, 5, scale)  # and with other classes
    transfer(other, target, verbose=False)
    assert widths(other.model[-1], "cv3") == widths(head, "cv3")


@pytest.mark.parametrize("scale", ["n", "s"])
@pytest.mark.parametrize("nc", [80, 3])
def test_a_class_branch_as_wide_as_the_others_stays_so(rows, nc, scale):
    shares = {"p2_branch": 1, "p2_class": 0}
    source = DetectionModel(f"yolo11{scale}.yaml", verbose=False)
    target = build(rows, nc, scale, **shares)
    transfer(target, source, verbose=False)
    wide = widths(source.model[-1], "cv3")[0]
    assert widths(target.model[-1], "cv3") == [wide] * 3
    assert widths(target.model[-1], "cv2")[0] == {"n": 32, "s": 64}[scale]
    for level in range(2):
        pairs = zip(
            target.model[-1].cv3[level + 1][:-1].parameters(),
            source.model[-1].cv3[level][:-1].parameters(),
            strict=True,
        )
        assert all(torch.equal(a, b) for a, b in pairs)
    again = build(rows, nc, scale, **shares)
    transfer(again, target, verbose=False)
    state = target.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in again.state_dict().items())


@pytest.mark.parametrize(
    "base",
    ["yolov5n", "yolov8n", "yolov9t", "yolov10n", "yolo11n", "yolo12n", pytest.param("yolo26n", marks=new_only)],
)
def test_which_families_have_depthwise_class_branches(base):
    if not {f"{base}.yaml", with_scale(f"{base}.yaml", "")} & set(known_files("models")):  # one file a scale, or one
        pytest.skip("this release does not have it")
    _, rows = read_model(f"{base}.yaml")
    layers = DetectionModel(f"{base}.yaml", verbose=False).model[-1].cv3[0].modules()
    is_depthwise = any(getattr(layer, "groups", 1) > 1 for layer in layers)
    assert has_depthwise_classes(rows) == is_depthwise


def test_a_wide_pretrained_branch_does_not_widen_a_narrow_one(rows):
    wide, narrow = build(rows, p2_branch=0), build(rows)
    transfer(narrow, wide, verbose=False)
    assert widths(narrow.model[-1], "cv3") == [16, 80, 80]
    assert torch.equal(narrow.model[-1].cv2[1][-1].weight, wide.model[-1].cv2[1][-1].weight)


def test_it_survives_files_fuse_and_export(rows, tmp_path):
    model = build(rows, nc=3)
    model.task, model.names = "detect", {0: "a", 1: "b", 2: "c"}
    file = tmp_path / "narrow.pt"
    file.write_bytes(checkpoint_of(model))
    opened = YOLO(file)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = model.eval()(image)[0]
        assert torch.equal(opened.model.eval()(image)[0], expected)
        assert torch.equal(pickle.loads(pickle.dumps(model))(image)[0], expected)
        fused = copy.deepcopy(model).fuse(verbose=False)
        assert torch.allclose(fused(image)[0], expected, rtol=1e-4, atol=1e-3)
    exported = YOLO(opened.export(format="torchscript", imgsz=64, verbose=False), task="detect")
    assert exported.predict(torch.rand(1, 3, 64, 64), imgsz=64, verbose=False)[0].boxes.shape[-1] == 6


def test_a_branch_is_made_anew_at_another_width():
    branch = DetectionModel("yolo11n.yaml", verbose=False).model[-1].cv3[0]
    assert with_width(branch, 24)(torch.rand(1, 64, 8, 8)).shape == (1, 80, 8, 8)
    same = with_width(branch, 80)
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), branch.parameters(), strict=True))


@pytest.mark.parametrize("value", [True, "narrow", -1, 5, float("nan")])
def test_a_value_that_can_not_be_is_refused(rows, value):
    with pytest.raises(ModelYamlError, match=r"p2_branch must be 0 \(as wide as stock\) to 4 times the channels"):
        build(rows, p2_branch=value)
