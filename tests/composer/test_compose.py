# SPDX-License-Identifier: AGPL-3.0-or-later
"""compose: blocks find their places in every stock neck, and the packaged models are what it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import ultralytics
import yaml
from torch import nn
from torch.nn import functional as F
from ultralytics import RTDETR, YOLO

from tests.extent import ALL, some_stock
from yolo_fine import block
from yolo_fine.cli import main
from yolo_fine.composer import compose as composing
from yolo_fine.composer import reshaping
from yolo_fine.composer.compose import compose, compose_text, recompose
from yolo_fine.errors import ArgumentError, ModelYamlError, UnknownBlockError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.integration.versions import installed_version
from yolo_fine.linter.lint import find_problems

MODELS = Path(ultralytics.__file__).parent / "cfg" / "models"
# without a neck: classification, semantic segmentation on two maps, depth
DETECTORS = [
    file.name for file in some_stock(sorted(MODELS.rglob("*.yaml"))) if not re.search("-(cls|sem|depth)", file.name)
]
PACKAGED = [name for name in packaged_files("models") if installed_version() >= (8, 4) or "26" not in name]
new_only = pytest.mark.skipif(installed_version() < (8, 4), reason="YOLO26 came with Ultralytics 8.4.0")


@block(inputs=1, out="same", kind="upsample")
class UserUpsampler(nn.Module):
    """An upsampler of a user's own."""

    def __init__(self, c1: int, mode: str = "nearest") -> None:
        super().__init__()
        self.mode = mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2, mode=self.mode)


@block(inputs=("deep", "shallow"), out="deep", kind="upsample", strides=(2, 1))
class UserGuidedUpsampler(nn.Module):
    """An upsampler that also looks at the fine map."""

    def __init__(self, c_deep: int, c_shallow: int) -> None:
        super().__init__()

    def forward(self, x: list[torch.Tensor]) -> torch.Tensor:
        return F.interpolate(x[0], size=x[1].shape[2:])


@block(inputs=("deep", "shallow"), out="sum", kind="fuse", strides=(2, 1))
class UserFuser(nn.Module):
    """A fuser that upsamples by itself, in place of Upsample and Concat."""

    def __init__(self, c_deep: int, c_shallow: int) -> None:
        super().__init__()

    def forward(self, x: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([F.interpolate(x[0], size=x[1].shape[2:]), x[1]], 1)


def rows(text):
    """Rows with absolute sources."""
    model = yaml.safe_load(text)
    listed = []
    for index, (source, *rest) in enumerate(model["backbone"] + model["head"]):
        sources = source if isinstance(source, list) else [source]
        listed.append([[i if i >= 0 else i + index for i in sources], *rest])
    return listed


def names(text):
    return [row[2] for row in rows(text)]


@pytest.mark.parametrize("name", PACKAGED)
def test_the_packaged_models_are_what_compose_writes(name, monkeypatch):
    if not ALL:  # the text alone: that it is clean at every scale is tested with lint
        monkeypatch.setattr(reshaping, "check_every_scale", lambda text, file: None)
        monkeypatch.setattr(composing, "check_result", lambda text, file, out: None)
    file = packaged_files("models")[name]
    again = recompose(file)
    assert yaml.safe_load(again) == yaml.safe_load(file.read_text())
    if installed_version() >= (8, 4, 190):  # earlier releases word some comments otherwise
        assert again == file.read_text()


@pytest.mark.parametrize(
    ("base", "shipped"),
    [
        ("yolov8", "v8/yolov8-p2.yaml"),
        ("yolov8-ghost", "v8/yolov8-ghost-p2.yaml"),
        pytest.param("yolo26", "26/yolo26-p2.yaml", marks=new_only),
    ],
)
def test_a_p2_head_is_the_one_that_ultralytics_ships(base, shipped):
    assert rows(compose_text(base, {}, "p2").text) == rows((MODELS / shipped).read_text())


@pytest.mark.parametrize("name", DETECTORS)
def test_every_stock_detector_offers_all_places(name, monkeypatch):
    every_scale = reshaping.check_every_scale

    def check_first_scale(text, file):
        model = yaml.safe_load(text)
        if model.get("scales"):
            first = next(iter(model["scales"]))
            text = yaml.safe_dump({**model, "scales": {first: model["scales"][first]}})
        every_scale(text, file)

    monkeypatch.setattr(reshaping, "check_every_scale", check_first_scale)
    monkeypatch.setattr(composing, "check_result", lambda text, file, out: check_first_scale(text, file))
    head = None if "-p2" in name else "p2"
    asked = {
        "context": "DilatedContext",
        "upsample": "UserUpsampler",
        "fuse": "FINE+DilatedFusion@p4",
        "refine": "EMA",
    }
    composed = compose_text(name, asked, head)
    before, after = names((next(MODELS.rglob(name))).read_text()), names(composed.text)
    levels = len(yaml.safe_load(composed.text)["head"][-1][0])  # maps that the head reads
    assert after.count("EMA") == levels
    assert after.count("DilatedContext") == levels
    assert after.count("FINE") == after.count("UserUpsampler") == levels - 1
    assert after.count("DilatedFusion") == 1
    assert "nn.Upsample" not in after
    assert after[-1] == before[-1]
    if head:
        assert re.search(r"\(P2, P3", composed.text.splitlines()[-1])


@pytest.mark.parametrize(
    ("base", "asked", "head"),
    [
        ("yolo11n-seg", {"fuse": "FINE", "refine": "EMA"}, "p2"),
        ("yolov8n-pose", {"fuse": "FINEConcat"}, None),
        ("yolo11n-obb", {"context": "DilatedContext@p5", "upsample": "UserGuidedUpsampler"}, "p2"),
        ("yolov5n", {"fuse": "UserFuser"}, "p2"),
        ("yolov3-tiny", {"upsample": "UserUpsampler(mode='bilinear')"}, "p2"),
        ("yolov8n-world", {"refine": "EMA@p3"}, None),
        ("rtdetr-resnet50", {"fuse": "FINE", "upsample": "UserGuidedUpsampler"}, None),
        pytest.param("yolo12n", {"refine": "EMA"}, "p2", marks=new_only),
    ],
)
def test_composed_models_run_forward_and_backward(base, asked, head, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "yolo11n-composed.yaml" if "11n" in base else tmp_path / f"{base}.yaml"
    compose(base, **asked, head=head, out=Path(file.name))
    network = (RTDETR if "rtdetr" in base else YOLO)(str(file)).model
    with torch.no_grad():
        output = network.eval()(torch.rand(1, 3, 160, 128))
    assert all(tensor.isfinite().all() for tensor in output if torch.is_tensor(tensor))
    raw = network.train().model[0](torch.rand(2, 3, 64, 64))
    raw.sum().backward()


def test_places_where_a_fuser_stands():
    fine = compose_text("yolo11n", {"fuse": "FINE@p3"}).text
    assert "- [[-1, 4], 1, FINE, [2]] # 14: lateral P3" in fine
    assert "- [[-1, 14], 1, Concat, [1]] # cat backbone P3" in fine
    in_place = names(compose_text("yolo11n", {"fuse": "FINEConcat"}).text)
    assert [index for index, name in enumerate(in_place) if name == "FINEConcat"] == [12, 15]
    both = names(compose_text("yolo11n", {"fuse": "UserFuser"}).text)
    assert both.count("UserFuser") == 2
    assert "nn.Upsample" not in both


def test_arguments_are_the_users_or_those_of_the_place():
    assert ", FINE, [2, {gain: 0.1}]]" in compose_text("yolo11n", {"fuse": "FINE(gain=0.1)@p3"}).text
    assert ", FINE, [1]]" in compose_text("yolo11n", {"fuse": "FINE(1)@p3"}).text
    assert ", FINE, [{stride: 1}]]" in compose_text("yolo11n", {"fuse": "FINE(stride=1)@p3"}).text


def test_several_blocks_at_one_place_stand_in_the_order_named():
    text = compose_text(
        "yolo11n", {"refine": "EMA(1)+EMA(2)", "context": "DilatedContext", "fuse": "FINE"}, at="p3"
    ).text
    lines = [line for line in text.splitlines() if re.search("EMA|DilatedContext|FINE", line)][1:]
    assert [re.search(r"EMA, \[\d\]|DilatedContext|FINE", line).group() for line in lines] == [
        "DilatedContext",
        "FINE",
        "EMA, [1]",
        "EMA, [2]",
    ]


def test_one_scale_is_kept_where_the_file_name_has_no_place_for_a_letter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compose("yolo11s", refine="EMA", out=Path("mine.yaml"))
    assert list(yaml.safe_load(Path("mine.yaml").read_text())["scales"]) == ["s"]
    compose("yolo11s", refine="EMA", out=Path("yolo11-mine.yaml"))
    text = Path("yolo11-mine.yaml").read_text()
    assert list(yaml.safe_load(text)["scales"]) == list("nsmlx")
    assert "'model=yolo11n-mine.yaml' will call yolo11-mine.yaml" in text
    assert text.startswith("# Made by: yolo-fine compose base=yolo11s refine=EMA out=yolo11-mine.yaml\n")
    assert "layers," not in text  # stock's own metrics are not this model's
    assert YOLO("mine.yaml").model.model[2].cv1.conv.out_channels == 64  # scale s, not the first


def test_a_file_that_compose_did_not_make_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compose("yolo11n", refine="EMA", out=Path("mine.yaml"))
    compose("yolo11n", fuse="FINE", out=Path("mine.yaml"))
    assert "FINE" in Path("mine.yaml").read_text()
    Path("mine.yaml").write_text("# by hand\n")
    with pytest.raises(ArgumentError, match="not made by compose"):
        compose("yolo11n", refine="EMA", out=Path("mine.yaml"))
    assert Path("mine.yaml").read_text() == "# by hand\n"
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ({"fuse": "FINE@p5"}, ArgumentError, "yolo11n.yaml has no such place; places for FINE there: p3, p4"),
        ({"refine": "EMA@p2"}, ArgumentError, "places for EMA there: p3, p4, p5"),
        ({"fuse": "EMA"}, ArgumentError, "EMA is a refine block; write refine=EMA"),
        ({"fuse": "FINEE"}, UnknownBlockError, "did you mean FINE"),
        ({"fuse": "FINE("}, ArgumentError, "not understood"),
        ({"fuse": "FINE(gain=x)"}, ArgumentError, "not understood"),
        ({"fuse": "FINE(gian=0.1)"}, ModelYamlError, "did you mean 'gain'"),
        ({"fuse": "FINE", "at": "3"}, ArgumentError, "'3' is no level; levels are written p3"),
        ({"head": "p7"}, ArgumentError, "head=p2"),
        ({}, ArgumentError, "nothing to do"),
        ({"base": "yolov8n-p2", "head": "p2"}, ArgumentError, "detects at P2 already"),
        ({"base": "yolo11n-cls", "fuse": "FINE"}, ModelYamlError, "no top-down path"),
        ({"base": "yolo11n.pt", "fuse": "FINE"}, ArgumentError, "did you mean base=yolo11n?"),
        ({"base": "some/where/yolov8s.pt", "fuse": "FINE"}, ArgumentError, "did you mean base=yolov8s?"),
        ({"base": "best.pt", "fuse": "FINE"}, ArgumentError, "name the YAML that they were made from"),
        ({"base": "some/where/yolov8s", "fuse": "FINE"}, FileNotFoundError, "did you mean yolov8s.yaml?"),
        (
            {"fuse": "FINE", "out": "mine"},
            ArgumentError,
            "a model YAML's name ends in .yaml, as out=mine.yaml",
        ),
        (
            {"base": "yolov8n-rtdetr", "fuse": "FINE", "out": "mine.yaml"},
            ArgumentError,
            "RTDETRDecoder works only in models with 'rtdetr' in their file name, as out=rtdetr-mine.yaml",
        ),
        ({"base": "yolov8n-world", "refine": "EMA", "out": "mine.yaml"}, ArgumentError, "as out=mine-world.yaml"),
        ({"fuse": "FINE", "out": "mine-world.yaml"}, ArgumentError, "for another kind of model; rename it"),
        ({"fuse": "FINE", "out": "rtdetr-mine.yaml"}, ArgumentError, "for another kind of model; rename it"),
        ({"base": "yolo11n-fin", "refine": "EMA"}, FileNotFoundError, "did you mean yolo11n-fine.yaml"),
    ],
)
def test_mistakes_end_in_one_message(words, error, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(said)) as caught:
        compose(**{"base": "yolo11n", **words})
    assert all(line.startswith("  accepted: ") for line in str(caught.value).splitlines()[1:])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("base", "out"),
    [("yolov8n-rtdetr", "rtdetr-mine.yaml"), ("yolov8n-world", "mine-world.yaml"),
     pytest.param("yoloe-11s", "yoloe-mine.yaml", marks=new_only)],
)  # fmt: skip
def test_what_is_written_under_a_fitting_name_is_clean(base, out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compose(base, refine="EMA@p3", out=out)
    assert find_problems(out).problems == []


def test_the_result_is_an_object_and_paths_are_paths_or_text(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    written = compose("yolo11n", refine="EMA@p3", out="yolo11-a.yaml", json="a.json")
    assert Path("yolo11-a.yaml").read_text() == written.text
    assert repr(written) == "yolo11-a.yaml: 25 layers; EMA at 17 (p3)"
    assert json.loads(Path("a.json").read_text()) == written.to_dict()
    assert "<td>EMA</td>" in written._repr_html_()
    again = compose(tmp_path / "yolo11n-a.yaml", fuse="FINE@p4", out=tmp_path / "yolo11-b.yaml")
    assert [block["block"] for block in again.table()] == ["FINE"]
    unwritten = compose(YOLO("yolo11n.yaml"), refine="EMA@p3")
    assert unwritten.out is None
    assert rows(unwritten.text) == rows(written.text)
    assert capsys.readouterr().out == ""  # a function prints nothing


def test_the_command_prints_the_yaml_or_where_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compose", "base=yolo11n", "refine=EMA@p3"]) == 0
    assert capsys.readouterr().out == compose("yolo11n", refine="EMA@p3").text
    assert main(["compose", "base=yolo11n", "refine=EMA@p3", "out=yolo11-a.yaml"]) == 0
    assert capsys.readouterr().out == "yolo11-a.yaml: 25 layers; EMA at 17 (p3)\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"refine": "CBAM(256)"}, "256 looks like the row's channels"),
        ({"refine": "SE(16, 2.0)@p3"}, "'gain' 2.0 is above 1"),
        ({"base": "yolo11", "refine": "EMA@p3"}, "the file name has no place for a scale letter"),
    ],
)
def test_what_lint_refuses_is_not_written(words, said, tmp_path):
    with pytest.raises(ModelYamlError, match=said):
        compose(**{"base": "yolo11n", **words}, out=tmp_path / "mine.yaml")
    assert not list(tmp_path.iterdir())


def test_a_problem_of_the_base_is_named_as_the_base_s(tmp_path):
    base = tmp_path / "yolo11n-typed.yaml"
    base.write_text(compose("yolo11n", refine="SE@p3").text.replace("SE, []", "SE, [256, 16]"))
    with pytest.raises(ModelYamlError, match=rf"^{base}: layer 17 .*compose takes a base that lint finds clean"):
        compose(base, fuse="FINE", out=tmp_path / "mine.yaml")
    assert [file.name for file in tmp_path.iterdir()] == [base.name]
