# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pretrained tensors follow their layers, and the new model starts with the outputs of the old one."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tests.extent import each_variant
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.transfer.pairing import strides_of
from yolo_fine.integration.transfer.raw_outputs import largest_difference
from yolo_fine.integration.transfer.transfer_report import transfer_report
from yolo_fine.integration.transfer.weights import transfer
from yolo_fine.integration.versions import installed_version

tasks = pytest.importorskip("ultralytics.nn.tasks")
PACKAGED = [name for name in packaged_files("models") if installed_version() >= (8, 4) or "26" not in name]


def pretrained(family):
    """A stock model whose tensors, running statistics included, are all unlike a fresh model's."""
    torch.manual_seed(1)
    model = tasks.DetectionModel(f"{family}n.yaml", verbose=False)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.1 * torch.rand_like(tensor))
    return model.eval()


def outputs(model, image):
    with torch.no_grad():
        return model(image)[0]


@pytest.mark.parametrize("name", each_variant(PACKAGED))
def test_every_tensor_arrives_and_the_first_outputs_are_the_old_ones(name):
    family, variant = name.split("-", 1)
    source = pretrained(family)
    model = tasks.DetectionModel(f"{family}n-{variant}", verbose=False).eval()
    before = {key: value.clone() for key, value in source.state_dict().items()}
    model.load(source, verbose=False)
    mixes = variant == "aff.yaml"  # fewer channels than Concat's: the first convolution behind either does not fit
    report = transfer_report(model)
    if 32 not in strides_of(model.model[-1]):  # the bottom-up step to P5 and its branch have no place; the rest arrives
        assert report.transferred == len(before) - len(report.not_transferred)
        assert all(lost.layer >= len(source.model) - 4 for lost in report.not_transferred)
        assert not report.is_low
    else:
        assert report.transferred == len(before) - 2 * mixes
    assert all(torch.equal(value, before[key]) for key, value in source.state_dict().items())
    if mixes:
        return
    if strides_of(model.model[-1]) != [8, 16, 32]:  # a P2 head has more outputs, and its neck another way down
        assert largest_difference(model, source) is None
        return
    assert largest_difference(model, source) == 0.0
    assert largest_difference(model.fuse(verbose=False), source.fuse(verbose=False)) <= 1e-5


def test_a_checkpoint_dictionary_and_another_number_of_classes():
    source = pretrained("yolo11")
    model = tasks.DetectionModel("yolo11n-fine.yaml", nc=3, verbose=False).eval()
    model.load({"model": copy.deepcopy(source), "ema": None}, verbose=False)
    assert torch.equal(model.model[18].cv1.conv.weight, source.model[16].cv1.conv.weight)  # behind both FINE rows
    assert model.model[25].cv3[0][-1].out_channels == 3


@pytest.mark.parametrize("classes", [80, 3])
@pytest.mark.parametrize("family", ["yolov8", "yolo11", "yolo26"])
def test_a_p2_head_takes_the_branch_of_the_same_stride(family, classes):
    if f"{family}-small.yaml" not in PACKAGED:
        pytest.skip("this Ultralytics does not know the family")
    source = pretrained(family)
    before = {key: value.clone() for key, value in source.state_dict().items()}
    model = tasks.DetectionModel(f"{family}n-small.yaml", nc=classes, verbose=False)
    own = copy.deepcopy(model.model[-1].cv2[0].state_dict())
    model.load(source, verbose=False)
    ours, theirs = model.model[-1], source.model[-1]
    for name in ("cv2", "cv3", "one2one_cv2", "one2one_cv3"):
        for level in range(ours.nl - 1) if hasattr(theirs, name) else ():
            branch, partner = getattr(ours, name)[level + 1], getattr(theirs, name)[level]
            same = [torch.equal(a, b) for a, b in zip(branch.parameters(), partner.parameters(), strict=True)]
            if name.endswith("cv2") or classes == 80:
                assert all(same), f"{name}.{level}"
            elif installed_version() >= (8, 4, 190):  # stock keeps the hidden class layers there
                assert all(same[:-2]), f"{name}.{level}"
                assert not any(same[-2:]), f"{name}.{level}"
    kept = {key: value for key, value in ours.cv2[0].state_dict().items() if "num_batches" not in key}  # old torch: 0
    assert all(torch.equal(value, own[key]) for key, value in kept.items())  # the box prior was there from the start
    assert all(torch.equal(value, before[key]) for key, value in source.state_dict().items())
    model.eval()(torch.rand(1, 3, 64, 64))  # the branch that stood in works
    again = tasks.DetectionModel(f"{family}n-small.yaml", nc=classes, verbose=False)
    again.load(copy.deepcopy(model), verbose=False)  # as when a run is resumed
    state = model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in again.state_dict().items())


def test_a_p2_head_starts_with_its_own_class_bias():
    """Also where stock replaces the class branches, and where it copies class rows by name."""
    source = pretrained("yolo11")
    source.names = {i: f"class {i}" for i in range(80)}
    model = tasks.DetectionModel("yolo11n-small.yaml", nc=3, verbose=False)
    model.names = {0: "class 70", 1: "other", 2: "class 2"}
    before = model.model[-1].cv3[0][-1].bias.clone()
    model.load(source, verbose=False)
    assert torch.allclose(model.model[-1].cv3[0][-1].bias, before)


def rows_of(family="yolo11"):
    model = tasks.yaml_model_load(f"{family}n.yaml")
    return copy.deepcopy(model)


def shifted(row, at, by):
    """The row with its absolute sources from ``at`` on moved."""
    sources = row[0] if isinstance(row[0], list) else [row[0]]
    moved = [source + by if source >= at else source for source in sources]
    return [moved if isinstance(row[0], list) else moved[0], *row[1:]]


def test_a_removed_row():
    source = pretrained("yolo11")
    model = rows_of()
    del model["backbone"][10]  # C2PSA, which only its neighbours read
    model["head"] = [shifted(row, 10, -1) for row in model["head"]]
    built = tasks.DetectionModel(model, verbose=False)
    report = transfer(built, source, verbose=False)
    lost = {(lost.layer, lost.module, lost.target, lost.reason) for lost in report.not_transferred}
    assert lost == {(10, "C2PSA", None, "no layer of its kind left in the new model")}
    assert report.new == ()
    assert torch.equal(built.model[15].cv1.conv.weight, source.model[16].cv1.conv.weight)


def test_a_replaced_upsampler_and_a_fuser_of_other_channels():
    """A ConvTranspose2d for nn.Upsample, and one map for a Concat: the layer behind reads fewer channels."""
    source = pretrained("yolo11")
    model = rows_of()
    model["head"][0] = [-1, 1, "nn.ConvTranspose2d", [1024, 2, 2]]
    model["head"][4] = [[-1], 1, "Concat", [1]]
    model["backbone"][0][2] = "GhostConv"  # related to no class of the source
    built = tasks.DetectionModel(model, verbose=False)
    report = transfer(built, source, verbose=False)
    lost = {(lost.layer, lost.tensor): lost.reason for lost in report.not_transferred}
    assert lost.pop((16, "cv1.conv.weight")) == "shape (64, 256, 1, 1) vs (64, 128, 1, 1)"
    assert {layer for layer, _ in lost} == {0}
    assert [(new.layer, new.module, new.tensors) for new in report.new][:2] == [
        (0, "GhostConv", 12),
        (11, "ConvTranspose2d", 2),
    ]
    assert torch.equal(built.model[16].cv2.conv.weight, source.model[16].cv2.conv.weight)


def test_a_head_takes_what_it_shares_with_one_of_another_task():
    source = pretrained("yolo11")
    model = rows_of()
    model["head"].insert(-1, [-1, 1, "EMA", []])
    model["head"][-1] = [[16, 19, 23], 1, "Segment", ["nc", 32, 256]]
    built = tasks.SegmentationModel(model, verbose=False)
    built.load(source, verbose=False)
    assert torch.equal(built.model[24].cv2[2][0].conv.weight, source.model[23].cv2[2][0].conv.weight)
    assert transfer_report(built).new[-1].module == "part of Segment"


def test_stock_to_stock_is_left_to_stock(monkeypatch):
    def refuse(*args):
        raise AssertionError("stock models must not be aligned")

    monkeypatch.setattr("yolo_fine.integration.transfer.pairing.align", refuse)
    source = pretrained("yolo11")
    model = tasks.DetectionModel("yolo11n.yaml", verbose=False).eval()
    model.load(source, verbose=False)
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(outputs(model, image), outputs(source, image))
    twin = tasks.DetectionModel("yolo11n-ema.yaml", verbose=False)
    twin.load(copy.deepcopy(twin), verbose=False)  # the same layers on both sides: nothing to align
    assert transfer_report(model) is None
    assert transfer_report(twin).fraction == 1


def test_a_stock_model_with_another_head_is_paired_only_when_asked():
    source = pretrained("yolov8")
    model = tasks.DetectionModel("yolov8n-p2.yaml", verbose=False)
    model.load(source, verbose=False)
    assert transfer_report(model) is None
    assert transfer(model, source, verbose=False).fraction == 1
    with pytest.raises(ArgumentError, match="Linear is no model built from a YAML"):
        transfer(nn.Linear(1, 1), source)
