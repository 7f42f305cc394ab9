# SPDX-License-Identifier: AGPL-3.0-or-later
"""New box branches start with boxes of the size that the prior asks for."""

from __future__ import annotations

import pytest
import torch
import yaml
from ultralytics import YOLO

from yolo_fine import compose, seed, transfer_report
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.box_prior import set_box_prior
from yolo_fine.integration.checkpoints import checkpoint_of


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


@pytest.fixture
def p2_yaml(tmp_path):
    """A model YAML with a level at stride 4 more than yolo11n, and without any block of ours."""

    def write(**keys):
        file = tmp_path / "yolo11n-p2.yaml"
        model = yaml.safe_load(compose("yolo11n", head="p2").text)
        file.write_text(yaml.safe_dump({**{k: v for k, v in model.items() if k != "box_prior"}, **keys}))
        return file

    return write


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    file = tmp_path_factory.mktemp("pretrained") / "yolo11n.pt"
    file.write_bytes(checkpoint_of(YOLO("yolo11n.yaml").model))
    return file


def reaches(head):
    return [round(float(mean_reach(head, level).mean()), 1) for level in range(head.nl)]


def test_seed_gives_new_branches_the_prior_and_copies_the_others(p2_yaml, pretrained, tmp_path):
    result = seed(p2_yaml(), pretrained, tmp_path / "seeded.pt", json=tmp_path / "report.json")
    head, source = (YOLO(file).model.model[-1] for file in (tmp_path / "seeded.pt", pretrained))
    assert reaches(head) == [2.0, 7.5, 7.5, 7.5]
    assert result.to_dict()["box_prior"] == {"levels": (4,), "mean": 2.0}
    assert "box prior of 2 strides at stride 4" in result.report.line
    for level in range(3):
        for name, tensor in source.cv2[level].state_dict().items():
            assert torch.equal(head.cv2[level + 1].state_dict()[name], tensor.to(head.cv2[0][-1].bias.dtype))


@pytest.mark.parametrize("asked", [{"box_prior": 0}, {}])
def test_it_can_be_turned_off(p2_yaml, pretrained, tmp_path, asked):
    """By the argument, or by the key of the YAML."""
    file = p2_yaml(**({} if asked else {"box_prior": 0}))
    result = seed(file, pretrained, tmp_path / "seeded.pt", **asked)
    assert result.report.box_prior is None
    assert reaches(YOLO(tmp_path / "seeded.pt").model.model[-1]) == [7.5] * 4


def test_training_from_scratch_has_it_on_all_levels_if_the_yaml_asks(p2_yaml):
    model = YOLO(p2_yaml(box_prior=2)).model
    assert reaches(model.model[-1]) == [2.0] * 4
    assert "bias_init" not in vars(model.model[-1])


def test_stock_loading_pairs_the_layers_of_a_yaml_with_the_key(p2_yaml, pretrained):
    """``yolo train pretrained=`` calls ``load``; without blocks of ours, the key says whose YAML it is."""
    model = YOLO(p2_yaml(box_prior=2)).model
    model.load(YOLO(pretrained).model, verbose=False)
    assert reaches(model.model[-1]) == [2.0, 7.5, 7.5, 7.5]
    assert transfer_report(model).box_prior.levels == (4,)


@pytest.mark.parametrize("value", ["wide", -1, 99, True])
def test_a_value_that_is_no_number_of_strides_is_refused(p2_yaml, value):
    with pytest.raises(ModelYamlError, match=r"yolo11n-p2\.yaml: box_prior must be 0 \(off\) to 15 strides"):
        YOLO(p2_yaml(box_prior=value))
