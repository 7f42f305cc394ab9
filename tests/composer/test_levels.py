# SPDX-License-Identifier: AGPL-3.0-or-later
"""Levels and necks by choice: what stands in the YAML, what builds, and what pretrained tensors do."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import torch
import ultralytics
import yaml
from ultralytics import RTDETR, YOLO

from tests.extent import ALL, some_stock
from yolo_fine import compose
from yolo_fine.composer import compose as composing
from yolo_fine.composer import reshaping
from yolo_fine.composer.compose import compose_text, recompose
from yolo_fine.composer.shape import Shape
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.transfer.transfer_report import NO_LAYER
from yolo_fine.integration.transfer.weights import transfer
from yolo_fine.integration.versions import installed_version
from yolo_fine.linter.lint import find_problems

MODELS = Path(ultralytics.__file__).parent / "cfg" / "models"
TWINS = {"yolov8", "yolov8-ghost-p2", "yolov8-worldv2", "yolov5-p6", "yolov9c", "yolo26"}  # of others in the selection
WITH_NECK = [
    file.name
    for file in some_stock(sorted(MODELS.rglob("*.yaml")))
    if "-cls" not in file.name and (ALL or file.stem not in TWINS)
]
new_only = pytest.mark.skipif(installed_version() < (8, 4), reason="YOLO26 came with Ultralytics 8.4.0")


@pytest.fixture(autouse=True)
def at_one_scale(monkeypatch):
    """Build a composed model at the base's scale alone, where its places are found."""
    monkeypatch.setattr(reshaping, "check_every_scale", lambda text, file: None)
    monkeypatch.setattr(composing, "check_result", lambda text, name, out: None)


def head_of(text):
    return yaml.safe_load(text)["head"]


def written(tmp_path, monkeypatch, name="yolo11n", file="yolo11n-composed.yaml", **words):
    """A YOLO of a composed model."""
    monkeypatch.chdir(tmp_path)
    compose(name, out=file, **words)
    return (RTDETR if "rtdetr" in file else YOLO)(file)


def strides(model):
    return model.model.model[-1].stride.tolist()


@pytest.mark.parametrize(
    ("head", "neck", "last", "layers"),
    [
        ("p2,p3,p4", "stock", [19, 16, 22], 24),
        ("p3,p4,p5", "stock", [16, 19, 22], 24),
        ("p4,p5", "stock", [19, 22], 24),  # the bottom-up path reads P3
        ("p2,p3,p4,p5,p6", "stock", [19, 16, 22, 25, 27], 29),
        ("p3,p4", "fpn", [16, 13], 18),
        ("p4,p5", "fpn", [13, 10], 15),  # nothing reads P3 any more
        ("p2,p3,p4", "fpn", [19, 16, 13], 21),
        ("p2,p3", "bifpn", [19, 22], 24),
        (None, "none", [4, 6, 10], 12),
        ("p2,p3,p4", "none", [2, 4, 6], 8),  # the backbone ends at P4
        ("p3,p4,p5,p6", "none", [4, 6, 10, 11], 13),
    ],
)
def test_rows_that_nothing_reads_go(head, neck, last, layers):
    composed = compose_text("yolo11n", {}, Shape(head, neck))
    assert head_of(composed.text)[-1] == [last, 1, "Detect", ["nc"]]
    assert composed.layers == layers


def test_the_text_says_what_the_model_is():
    text = compose_text("yolo11", {}, Shape("p2,p3,p4"), out=Path("yolo11-p234.yaml")).text
    assert "P2/4 - P4/16 outputs" in text or installed_version() < (8, 3, 100)  # whose YAML has no such comment
    assert text.rstrip().endswith("# Detect(P2, P3, P4)")
    assert "large" not in text
    assert text.splitlines()[0] == "# Made by: yolo-fine compose base=yolo11 head=p2,p3,p4 out=yolo11-p234.yaml"
    fpn = compose_text("yolo11", {}, Shape(neck="fpn")).text
    assert re.search(r"C3k2, \[512, False\]\] # 13 \(P4/16-medium\)", fpn)
    assert re.search(r"C2PSA, \[1024\]\] # 10 \(P5/32-large\)", fpn)


def test_sums_of_bifpn():
    rows = head_of(compose_text("yolo11", {}, Shape("p2,p3,p4,p5", "bifpn")).text)
    sums = [row[0] for row in rows if row[2] == "WeightedAdd"]
    assert sums == [[6, -1], [4, -1], [2, -1], [16, -1, 4], [13, -1, 6], [10, -1]]
    assert "Concat" not in [row[2] for row in rows]


@pytest.mark.parametrize("name", WITH_NECK)
def test_every_stock_model_with_a_neck_builds(name):
    stock = yaml.safe_load(next(MODELS.rglob(name)).read_text())["head"][-1]
    for head, neck in (("p2,p3,p4", "stock"), ("p3,p4,p5", "bifpn"), ("p4,p5,p6", "fpn"), (None, "none")):
        composed = compose_text(name, {}, Shape(head, neck))
        last = head_of(composed.text)[-1]
        assert composed.levels == (head.split(",") if head else composed.levels)
        assert last[1:] == stock[1:]
        assert len(last[0]) == len(composed.levels)


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("yolo11n-seg", {"head": "p2,p3,p4"}),
        ("yolov8n-pose", {"head": "p3,p4,p5,p6", "neck": "bifpn"}),
        ("yolo11n-obb", {"neck": "none"}),
        ("yolov5n", {"neck": "fpn"}),
        ("yolov8n-world", {"head": "p2,p3,p4", "neck": "none"}),
        pytest.param("yolo26n", {"head": "p2,p3,p4", "neck": "bifpn"}, marks=new_only),
    ],
)
def test_they_run_fused_and_not(base, words, tmp_path, monkeypatch):
    model = written(tmp_path, monkeypatch, base, f"{base}.yaml", **words).model.eval()
    image = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        before = model(image)[0]
        after = model.fuse(verbose=False)(image)[0]
    before, after = (x[0] if isinstance(x, tuple) else x for x in (before, after))
    assert torch.allclose(before, after, rtol=1e-3, atol=1e-3)


@new_only
@pytest.mark.parametrize(("base", "size"), [("yolo26n-sem", 32), ("yolo26n-depth", 64)])
def test_dense_tasks_at_stride_4(base, size, tmp_path, monkeypatch):
    if not list(MODELS.rglob(f"{base.replace('26n', '26')}.yaml")):
        pytest.skip(f"this release has no {base}")
    model = written(tmp_path, monkeypatch, base, f"{base}-p2.yaml", head="p2,p3,p4", neck="bifpn").model.eval()
    with torch.no_grad():
        assert model(torch.rand(1, 3, 64, 64)).shape[-1] == size // 2
    assert "p2_branch" not in model.yaml  # no branches for boxes and classes


@pytest.mark.parametrize(
    ("head", "new", "places"),
    [
        ("p3,p4,p5,p6", ["Conv", "C3k2", "part of Detect"], slice(None, 84)),
        ("p2,p3,p4,p5", ["C3k2", "part of Detect"], slice(256, None)),  # 16 x 16 cells of P2 come first
    ],
)
def test_levels_of_stock_stay_equal_to_the_bit(head, new, places, tmp_path, monkeypatch):
    stock = YOLO("yolo11n.yaml").model.eval()
    model = written(tmp_path, monkeypatch, head=head).model.eval()
    report = transfer(model, stock, verbose=False)
    assert report.transferred == report.total
    assert [one.module for one in report.new if one.tensors] == new
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        ours, theirs = (network(image)[0] for network in (model, stock))
    assert theirs.shape[-1] == 84
    assert torch.equal(ours[..., places], theirs)


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n"])
def test_small_models_start_as_the_stock_model_at_the_levels_of_both(family):
    stock, small = YOLO(f"{family}.yaml").model.eval(), YOLO(f"{family}-small.yaml").model.eval()
    transfer(small, stock, verbose=False)
    with torch.no_grad():
        ours, theirs = (network(torch.full((1, 3, 64, 64), 0.5))[0] for network in (small, stock))
    p2, p3, p4 = 16 * 16, 8 * 8, 4 * 4  # cells of a level
    assert torch.equal(ours[..., p2 : p2 + p3 + p4], theirs[..., : p3 + p4])


@pytest.mark.parametrize(
    ("neck", "lost", "new", "is_low"),
    [("fpn", {NO_LAYER: 90}, [], False), ("bifpn", {"shape": 4}, ["WeightedAdd"] * 4, False),
     ("none", {NO_LAYER: 138, "shape": 54}, [], True)],
)  # fmt: skip
def test_what_finds_no_place_is_reported(neck, lost, new, is_low, tmp_path, monkeypatch):
    model = written(tmp_path, monkeypatch, neck=neck).model
    report = transfer(model, YOLO("yolo11n.yaml").model, verbose=False)
    assert Counter("shape" if "shape" in one.reason else one.reason for one in report.not_transferred) == lost
    assert [layer.module for layer in report.new if layer.tensors] == new
    assert report.is_low == is_low  # in bifpn, each block's first convolution reads another number of channels


def test_keys_of_the_head(tmp_path):
    def keys(base="yolo11", **words):
        model = yaml.safe_load(compose_text(base, {}, Shape(**words)).text)
        return {key: model[key] for key in ("p2_branch", "p2_class", "box_prior") if key in model}

    assert keys(head="p2,p3,p4") == {"p2_branch": 1, "p2_class": 0, "box_prior": 2}
    assert keys("yolov8", head="p2,p3,p4") == {"p2_branch": 1, "box_prior": 2}  # dense class branches
    assert keys(head="p2,p3,p4", p2_branch=0.5) == {"p2_branch": 0.5, "box_prior": 2}
    assert keys(head="p2,p3,p4", p2_class=0.5) == {"p2_branch": 1, "p2_class": 0.5, "box_prior": 2}
    assert keys(head="p2") == {"box_prior": 2}
    assert keys(head="p2", p2_branch=1) == {"p2_branch": 1, "box_prior": 2}
    assert keys(head="p2,p3,p4", p2_branch=0, box_prior=0) == {"box_prior": 0}
    assert keys(head="p3,p4,p5,p6") == keys(neck="none") == {"box_prior": 2}
    assert keys("yolov8-p2", head="p2,p3,p4") == {"box_prior": 2}  # the base's own branch
    assert keys("rtdetr-l", neck="fpn") == {}
    file = tmp_path / "yolo11-mine.yaml"
    file.write_text(compose_text("yolo11", {}, Shape("p2", p2_branch=0.25, box_prior=3)).text)
    assert keys(str(file), head="p2,p3,p4") == {"p2_branch": 0.25, "box_prior": 3}
    assert keys(str(file), head="p2,p3,p4", box_prior=1, p2_branch=0) == {"p2_branch": 0, "box_prior": 1}


def test_blocks_find_places_in_another_neck():
    asked = {"refine": "EMA@p2", "upsample": "DySample"}
    fpn = compose_text("yolo11n", asked, Shape("p2,p3,p4", "bifpn"))
    assert [block["block"] for block in fpn.blocks] == ["DySample", "DySample", "DySample", "EMA"]
    bare = compose_text("yolo11n", {"refine": "EMA", "context": "DilatedContext"}, Shape(neck="none"))
    assert [block["level"] for block in bare.blocks] == ["p5", "p3", "p4", "p5"] or len(bare.blocks) == 4
    with pytest.raises(ArgumentError, match="places for FINE there: none"):
        compose_text("yolo11n", {"fuse": "FINE"}, Shape(neck="none"))


def test_the_command_in_the_first_line_makes_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = {"head": "p2,p3,p4", "neck": "bifpn", "p2_branch": 0.25, "p2_class": 2, "box_prior": 1.5}
    composed = compose("yolo11", refine="EMA@p2", out="yolo11-mine.yaml", **words)
    assert recompose("yolo11-mine.yaml") == composed.text
    assert composed.to_dict()["levels"] == ["p2", "p3", "p4"]
    assert "head reads p2, p3, p4; " in composed.summary()
    assert find_problems("yolo11n-mine.yaml").problems == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"head": "p2,p4"}, "head=p2,p4 is no run of levels from p2 to p6"),
        ({"head": "p5,p6,p7"}, "is no run of levels from p2 to p6"),
        ({"head": "p3"}, "write head=p2,p3,p4 for the levels to detect at, or head=p2"),
        ({"head": "3,4"}, "'3' is no level"),
        ({"neck": "pan"}, "argument 'neck'"),
        ({"head": "p2", "p2_branch": 5}, "p2_branch must be 0 (as wide as stock) to 4 times"),
        ({"head": "p2", "p2_class": -1}, "p2_class must be 0 (as wide as stock) to 4 times"),
        ({"base": "rtdetr-l", "neck": "fpn", "p2_class": 0.5}, "p2_class=0.5: RTDETRDecoder has no branches for boxes"),
        ({"head": "p2", "box_prior": 50}, "box_prior must be 0 (off) to 15 strides"),
        ({"base": "rtdetr-l", "neck": "fpn", "p2_branch": 0.5}, "RTDETRDecoder has no branches for boxes"),
    ],
)
def test_mistakes_end_in_one_message(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=re.escape(said)) as caught:
        compose(**{"base": "yolo11n", **words})
    assert "\n" not in str(caught.value)
