# SPDX-License-Identifier: AGPL-3.0-or-later
"""``downsample=``: where its blocks go, that they start equal to what they replace, and what is no place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

from tests.fixtures.checkpoints import save
from yolo_fine.ablation.arms import read_arms
from yolo_fine.cli import main
from yolo_fine.composer import compose as composing
from yolo_fine.composer import reshaping
from yolo_fine.composer.compose import compose, compose_text, recompose
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.transfer.seed import seed
from yolo_fine.integration.transfer.weights import transfer


@pytest.fixture
def one_scale(monkeypatch):
    """That a result can be built at every scale is tested once, by the command."""
    monkeypatch.setattr(reshaping, "check_every_scale", lambda text, file: None)
    monkeypatch.setattr(composing, "check_result", lambda text, name, out: None)


def placed(composed):
    return [(block["layer"], block["level"]) for block in composed.blocks]


def test_a_level_is_that_of_the_coarser_map(one_scale):
    assert placed(compose("yolo11n", downsample="SPDConv@p3")) == [(3, "p3")]
    assert placed(compose("yolo11n", downsample="SPDConv@p4")) == [(5, "p4"), (17, "p4")]
    everywhere = compose("yolo11n", downsample="SPDConv")
    assert placed(everywhere) == [(1, "p2"), (3, "p3"), (5, "p4"), (7, "p5"), (17, "p4"), (20, "p5")]
    rows = yaml.safe_load(everywhere.text)["backbone"]
    assert rows[0] == [-1, 1, "Conv", [64, 3, 2]]
    assert rows[1] == [-1, 1, "SPDConv", [128]]


def test_arguments_several_blocks_and_the_other_kinds(tmp_path, one_scale):
    file = tmp_path / "yolo11-mine.yaml"
    composed = compose(
        "yolo11n", fuse="FINE@p4", head="p2", downsample="SPDConv(kernel=1)@p5+SPDConv(3, 'conv_space')@p3", out=file
    )
    rows = [row for part in ("backbone", "head") for row in yaml.safe_load(composed.text)[part]]
    ours = [row for row in rows if row[2] == "SPDConv"]
    assert [row[3][1:] for row in ours] == [[3, "conv_space"], [{"kernel": 1}]] * 2
    assert placed(composed)[0] == (3, "p3")
    assert recompose(file) == file.read_text()


@pytest.mark.parametrize("base", ["yolov9t", "yolov10n"])
def test_other_families_have_places(base, one_scale):
    levels = {level for _, level in placed(compose_text(base, {"downsample": "SPDConv(1)@p3,p4,p5"}))}
    assert levels == {"p3", "p4", "p5"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SPDConv@p1", "downsample=SPDConv@p1: yolo11n.yaml has no such place; places .* there: p2, p3, p4, p5$"),
        ("FINE", "FINE is a fuse block; write fuse=FINE"),
    ],
)
def test_what_is_no_place_is_said(text, message):
    with pytest.raises(ArgumentError, match=message):
        compose("yolo11n", downsample=text)


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compose", "base=yolo11n", "downsample=SPDConv@p3", "out=yolo11-spd.yaml"]) == 0
    assert "SPDConv at 3 (p3)" in capsys.readouterr().out
    assert main(["lint", "model=yolo11n-spd.yaml"]) == 0


def test_a_recipe_of_an_ablation(tmp_path, one_scale):
    arm = read_arms("yolo11n.yaml,yolo11n+downsample:SPDConv@p3,p4")[1]
    text = Path(arm.model_file(tmp_path)).read_text()
    assert text.count("SPDConv, [") == 3


@pytest.mark.parametrize("through", ["seed", "load"])
def test_it_starts_equal_to_the_convolutions_that_it_replaces(through, tmp_path, one_scale):
    torch.manual_seed(0)
    stock = DetectionModel("yolo11n.yaml", nc=2, verbose=False)
    with torch.no_grad():
        for tensor in stock.state_dict().values():
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.1 * torch.rand_like(tensor))
    compose("yolo11n", fuse="FINE@p4", downsample="SPDConv", out=tmp_path / "yolo11-spd.yaml")
    text = yaml.safe_load((tmp_path / "yolo11-spd.yaml").read_text())
    (tmp_path / "yolo11-spd.yaml").write_text(yaml.safe_dump({**text, "nc": 2}))
    if through == "seed":
        held = YOLO("yolo11n.yaml")
        held.model = stock
        save(held, tmp_path / "stock.pt")
        result = seed(tmp_path / "yolo11n-spd.yaml", tmp_path / "stock.pt", tmp_path / "seed.pt")
        report, ours = result.report, YOLO(tmp_path / "seed.pt").model.float().eval()
        assert result.max_abs_diff is not None
        assert result.max_abs_diff < 1e-2  # of boxes in pixels
    else:
        ours = DetectionModel(tmp_path / "yolo11n-spd.yaml", nc=2, verbose=False).eval()
        report = transfer(ours, stock, verbose=False)
    assert report.fraction == 1
    assert report.not_transferred == ()
    assert [new.module for new in report.new] == ["FINE"]
    image = torch.rand(1, 3, 96, 64)
    theirs = stock.float().eval()
    limit = 2e-2 if through == "seed" else 1e-4  # checkpoints hold half precision
    with torch.no_grad():
        torch.testing.assert_close(ours(image)[0], theirs(image)[0], rtol=limit, atol=limit)


def test_an_order_that_can_not_be_taken_over_starts_anew(one_scale):
    composed = compose_text("yolo11n", {"downsample": "SPDConv(3, 'conv_space')@p3"})
    ours = DetectionModel({**yaml.safe_load(composed.text), "scale": "n"}, nc=2, verbose=False)
    report = transfer(ours, DetectionModel("yolo11n.yaml", nc=2, verbose=False), verbose=False)
    assert [new.module for new in report.new if new.tensors] == ["SPDConv"]
    assert {lost.layer for lost in report.not_transferred} == {3}
