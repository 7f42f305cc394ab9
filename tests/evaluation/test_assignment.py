# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rule of a model's training is in the manifest, and a comparison says where two rules differ."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import ultralytics

from yolo_fine.evaluation.assignment import assignment_of, describe, differing_rules, rule_of_release
from yolo_fine.evaluation.report.wording import differing_text
from yolo_fine.integration.assign_settings import AssignSettings
from yolo_fine.integration.stock_assigner import stock_rule
from yolo_fine.integration.trained_by import TrainedBy, trained_by

P3, P2 = (8.0, 16.0, 32.0), (4.0, 8.0, 16.0)


def manifest(release="8.4.190", strides=P3, **settings):
    asked = AssignSettings(**settings) if settings else None
    return {"assignment": describe(TrainedBy(release, strides, asked))}


@pytest.mark.parametrize(
    ("release", "rule"),
    [("8.3.0", "8.3"), ("8.3.253", "8.3"), ("8.4.0", "8.4.0"), ("8.4.100", "8.4.0"), ("8.4.150", None),
     ("8.4.190", "8.4.190"), ("8.5.0", "8.4.190")],
)  # fmt: skip
def test_a_release_has_one_rule(release, rule):
    assert rule_of_release(release) == rule


def test_the_installed_release_follows_the_rule_that_it_is_known_for():
    assert rule_of_release(ultralytics.__version__) in (stock_rule(), None)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (manifest(), manifest("8.3.253"), "sides below 16 px count as 16 (Ultralytics 8.4.190) here, no side enlarged"),
        (manifest(), manifest("8.4.0"), "sides below 8 px count as 16 (Ultralytics 8.4.0) there"),
        (manifest(), manifest(strides=P2), "sides below 8 px count as 8 (Ultralytics 8.4.190) there"),
        (manifest(nwd=0.5), manifest(), "sides below 16 px count as 16, nwd 0.5 (Ultralytics 8.4.190) here"),
        (manifest(), manifest("8.4.150"), "an unknown rule (Ultralytics 8.4.150) there"),
    ],
)
def test_a_comparison_under_different_rules_says_so(ours, theirs, said):
    text = differing_text({"differing": {}, "rules": differing_rules(ours, theirs)})
    assert said in text
    assert "different rules" in text


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (manifest(), manifest()),
        (manifest("8.4.0"), manifest("8.4.100")),
        (manifest("8.3.0", floor=8.0), manifest("8.4.190", P2, floor=8.0)),
        (manifest(), {"assignment": None}),
        (manifest(), {}),  # an eval.json of an earlier version
    ],
)
def test_nothing_is_said_under_one_rule_or_an_unknown_one(ours, theirs):
    assert differing_rules(ours, theirs) == []
    assert differing_text({"rules": differing_rules(ours, theirs)}) == ""


def test_it_is_read_off_a_checkpoint():
    head = SimpleNamespace(reg_max=16, stride=torch.tensor([8.0, 16, 32]))
    network = SimpleNamespace(model=[head], yaml={"assign": {"floor": 8}})
    detector = SimpleNamespace(model=network, ckpt={"version": "8.3.0"})
    assert trained_by(detector) == TrainedBy("8.3.0", P3, AssignSettings(floor=8.0))
    assert assignment_of(detector)["rule"] == "floor=8"
    assert assignment_of(SimpleNamespace(model="best.onnx", ckpt=None)) is None
    network.model = [SimpleNamespace()]  # RT-DETR
    assert assignment_of(detector) is None
