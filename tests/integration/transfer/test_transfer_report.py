# SPDX-License-Identifier: AGPL-3.0-or-later
"""The report of a load: as one line, as data, in the log, and from training."""

from __future__ import annotations

import gc
import json
import logging
import re

import pytest
import torch

from yolo_fine.integration.transfer import transfer_report as reports
from yolo_fine.integration.transfer.transfer_report import LostTensor, NewLayer, TransferReport, transfer_report
from yolo_fine.integration.versions import installed_version

tasks = pytest.importorskip("ultralytics.nn.tasks")


@pytest.fixture
def said(caplog):
    """What Ultralytics' logger says."""
    logger = logging.getLogger("ultralytics")
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.INFO, logger="ultralytics"):
        yield lambda: [(record.levelname, record.getMessage()) for record in caplog.records]
    logger.removeHandler(caplog.handler)


def report(lost=(), **values):
    defaults = {"transferred": 708 - len(lost), "total": 708, "parameters": 2_572_280, "new": ()}
    return TransferReport(**{**defaults, "not_transferred": tuple(lost), **values})


def lost(layer, reason, tensor="conv.weight"):
    return LostTensor(layer, layer + 1, "Conv", tensor, reason)


def test_the_line():
    fine = (NewLayer(11, "FINE", 22), NewLayer(15, "FINE", 22))
    assert report(new=fine).line == "708/708 pretrained tensors, 2.6 M parameters (FINE at 11, 15 new)"
    more = (*fine, NewLayer(16, "Upsample", 0), NewLayer(19, "EMA", 8))
    assert report(new=more).line == "708/708 pretrained tensors, 2.6 M parameters (FINE at 11, 15, EMA at 19 new)"
    assert report(parameters=48_100).line == "708/708 pretrained tensors, 48.1 k parameters"
    assert report(classes=(80, 10)).line.endswith("parameters; class head 80 -> 10 classes starts anew")


def test_what_did_not_arrive_is_grouped_and_cut_short():
    shape = "shape (64, 256, 1, 1) vs (64, 384, 1, 1)"
    few = [lost(3, shape), lost(4, "no such tensor in the new layer"), lost(4, "no such tensor in the new layer", "bn")]
    assert report(few).details() == [
        f"layer 3 -> 4 Conv, conv.weight: {shape}",
        "layer 4 -> 5 Conv, 2 tensors: no such tensor in the new layer",
    ]
    many = report([lost(layer, shape) for layer in range(30)]).details()
    assert len(many) == 11
    assert many[-1] == "... and 20 more"


def test_wider_class_branches_are_said():
    said = report([lost(3, "no such tensor in the new layer")], widened=(80, 128), added_parameters=104_256).details()
    assert said[0] == "class branches 128 channels wide as pretrained, not 80: +0.10 M parameters"
    assert len(said) == 2


def test_the_warning_begins_below_95_percent():
    assert not report([lost(1, "shape (1,) vs (2,)", str(i)) for i in range(35)]).warning
    low = report([lost(1, "shape (1,) vs (2,)", str(i)) for i in range(36)])
    assert low.warning.startswith("ONLY 94.9% OF THE PRETRAINED TENSORS ARRIVED (672 of 708)")
    assert "Most of the others are from Conv at 1: 36." in low.warning
    assert not report(classes=(80, 10), class_tensors=300).warning


def test_the_log_of_a_load(said):
    source = tasks.DetectionModel("yolo11n.yaml", verbose=False)
    model = tasks.DetectionModel("yolo11n-fine.yaml", nc=10, verbose=False)
    model.load(source)
    lines = [text for _, text in said() if "classes" in text or "yolo_fine" in text]
    assert lines[0].startswith("yolo_fine: ")
    count = 493 if installed_version() >= (8, 4, 190) else 448  # older releases make the class branches anew as a whole
    assert lines[0].startswith(f"yolo_fine: {count}/{count} pretrained tensors, 2.")
    assert lines[0].endswith("M parameters (FINE at 11, 15 new); class head 80 -> 10 classes starts anew")
    assert len(lines) == 1
    assert not any(level == "WARNING" and "ARRIVED" in text for level, text in said())  # another nc is no failure


def test_classes_that_are_taken_over_by_name_are_counted():
    """Newer releases carry over the rows of classes that both models name."""
    source = tasks.DetectionModel("yolo11n.yaml", verbose=False)
    source.names = {number: f"thing {number}" for number in range(80)}
    model = tasks.DetectionModel("yolo11n-fine.yaml", nc=3, verbose=False)
    model.names = {0: "thing 7", 1: "Thing 70 ", 2: "other"}
    model.load(source, verbose=False)
    found = transfer_report(model)
    ours, theirs = model.model[-1].cv3[1][-1].weight, source.model[-1].cv3[1][-1].weight
    carried = sum(torch.equal(ours[row], theirs[partner]) for row, partner in ((0, 7), (1, 70)))
    assert found.classes_by_name == carried == (2 if installed_version() >= (8, 4, 190) else 0)
    by_name = ", but for 2 taken over by name" if carried else ""
    assert found.line.endswith(f"; class head 80 -> 3 classes starts anew{by_name}")


@pytest.mark.parametrize(("bands", "said"), [(4, "3 of 4 bands"), (1, "3 bands summed into one"), (2, "2 of the 3 ")])
def test_a_stem_for_images_of_other_bands(bands, said):
    source = tasks.DetectionModel("yolo11n.yaml", verbose=False)
    model = tasks.DetectionModel("yolo11n-fine.yaml", ch=bands, verbose=False)
    model.load(source, verbose=False)
    found, kernel = transfer_report(model), model.model[0].conv.weight
    theirs = source.model[0].conv.weight
    expected = theirs.sum(1, keepdim=True) if bands == 1 else theirs
    common = min(bands, 3)
    if not torch.equal(kernel[:, :common], expected[:, :common]):
        assert installed_version() < (8, 4, 190)  # not carried there
        assert re.search(r"shape \(16, 3, 3, 3\) vs|1 of the 3 pretrained bands", found.lost_lines()[0])
        return
    assert found.fraction == 1
    assert found.lost_lines()[0].startswith(f"layer 0 -> 0 Conv, conv.weight: {said}")


def test_weights_of_another_scale_are_warned_about_loudly(said):
    source = tasks.DetectionModel("yolo11s.yaml", verbose=False)
    model = tasks.DetectionModel("yolo11n-fine.yaml", verbose=False)
    model.load(source)
    warnings = [text for level, text in said() if level == "WARNING" and "yolo_fine" in text]
    assert len(warnings) == 1
    assert "OF THE PRETRAINED TENSORS ARRIVED" in warnings[0]
    assert "yolo11n.pt for yolo11n-fine.yaml" in warnings[0]
    found = transfer_report(model)
    assert "shape (32, 3, 3, 3) vs (16, 3, 3, 3)" in {lost.reason for lost in found.not_transferred}
    assert len([text for _, text in said() if text.startswith("  layer ")]) == reports.SHOWN_LINES


def test_the_report_of_yolo_load_as_data(tmp_path):
    from ultralytics import YOLO

    source = tasks.DetectionModel("yolo11n.yaml", verbose=False)
    source.names = {i: f"thing {i}" for i in range(80)}
    torch.save({"model": source, "train_args": {"task": "detect"}}, tmp_path / "source.pt")
    model = YOLO("yolo11n-ema.yaml").load(tmp_path / "source.pt")
    found = transfer_report(model)
    assert found is transfer_report(model.model)
    data = json.loads(json.dumps(found.to_dict()))
    assert (data["transferred"], data["total"], data["not_transferred"]) == (499, 499, [])
    assert [(new["layer"], new["module"]) for new in data["new"]] == [(17, "EMA"), (21, "EMA"), (25, "EMA")]
    assert data["parameters"] == sum(parameter.numel() for parameter in source.parameters())
    assert found.fraction == 1
    assert model.names[7] == "thing 7"  # as stock does for a model that arrived whole
    assert transfer_report(YOLO("yolo11n-ema.yaml")) is None
    kept = len(reports._reports)
    del model
    gc.collect()
    assert len(reports._reports) < kept  # a report lives as long as its model, and outside of it


@pytest.mark.skipif(installed_version() < (8, 3, 253), reason="YOLO(yaml).train(pretrained=file) loaded nothing then")
def test_training_with_pretrained(tmp_path, tiny_data):
    from ultralytics import YOLO

    source = tasks.DetectionModel("yolo11n.yaml", verbose=False)
    torch.save({"model": source, "train_args": {"task": "detect"}}, tmp_path / "source.pt")
    found = []
    model = YOLO("yolo11n-fine.yaml")
    model.add_callback("on_train_start", lambda trainer: found.append(transfer_report(trainer.model)))
    model.train(
        data=str(tiny_data), pretrained=str(tmp_path / "source.pt"), epochs=1, imgsz=64, batch=4, workers=0, val=False,
        plots=False, amp=False, device="cpu", project=str(tmp_path), name="run",
    )  # fmt: skip
    assert found[0].classes == (80, 2)
    assert not found[0].is_low
    assert found[0].not_transferred == ()
    assert found[0].fraction == 1
