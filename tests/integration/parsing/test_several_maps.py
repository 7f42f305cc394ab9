# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows that put out several maps, of which rows of Pick take one each: in every tool that reads rows."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
import torch
import yaml
from torch import nn
from ultralytics import YOLO

from tests.composed import step_and_export, write_model
from yolo_fine import block
from yolo_fine.composer.compose import compose, compose_text
from yolo_fine.errors import ArgumentError, BlockRegistrationError, ModelYamlError
from yolo_fine.integration.transfer.seed import seed
from yolo_fine.linter.lint import lint

tasks = pytest.importorskip("ultralytics.nn.tasks")
NECK = """
  - [[4, 6, 10], 1, CFPT, [256]] # 11
  - [11, 1, Pick, [0]] # 12: P3
  - [11, 1, Pick, [1]] # 13: P4
  - [-3, 1, Pick, [2]] # 14: P5
  - [[12, 13, 14], 1, Detect, [nc]]
"""


@block(inputs="n", out="each", outputs="n", kind="fuse")
class Doubled(nn.Module):
    """A test block that keeps the widths of its maps, and counts its calls."""

    calls = 0

    def __init__(self, channels: list[int], factor: float = 2.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x):
        type(self).calls += 1
        return [one * self.factor for one in x]


@block(inputs="maps", out="sum", kind="fuse")
class AllOfThem(nn.Module):
    """A test block that takes all the maps of a row, at the size of the first."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x):
        size = x[0].shape[2:]
        return torch.cat([nn.functional.interpolate(one, size=size) for one in x], 1)


@block(inputs=1, out="same", outputs=2, kind="refine")
class SaysTwo(nn.Module):
    """A test block that declares what it does not do."""

    def __init__(self, c1: int) -> None:
        super().__init__()
        self.c1 = c1

    def forward(self, x):
        return [x, x[:, :1]]


def build(rows: list[list[object]], scale: str = "n"):
    model = yaml.safe_load(compose_base())
    return tasks.DetectionModel({**model, "head": rows, "scale": scale, "nc": 2}, verbose=False)


def compose_base() -> str:
    from yolo_fine.integration.yaml_text import read_model

    return read_model("yolo11n.yaml")[0]


@pytest.fixture
def file(tmp_path):
    return write_model(NECK, tmp_path)


@pytest.mark.filterwarnings("ignore")  # the tracer's, about sizes
def test_a_neck_of_several_outputs_trains_a_step_fuses_and_exports(tmp_path, monkeypatch):
    network = step_and_export(NECK, tmp_path, monkeypatch)
    assert [type(layer).__name__ for layer in network.model[11:15]] == ["CFPT", "Pick", "Pick", "Pick"]


@pytest.mark.parametrize(("scale", "width"), [("n", 64), ("s", 128)])
def test_each_row_has_the_channels_of_its_map_at_every_scale(scale, width):
    rows = yaml.safe_load(NECK)
    network = build(rows, scale)
    assert [layer.channels if hasattr(layer, "channels") else None for layer in network.model[:1]] == [None]
    assert [branch[0].conv.in_channels for branch in network.model[-1].cv2] == [width] * 3
    assert network.stride.tolist() == [8, 16, 32]


def test_maps_of_different_widths_are_computed_once():
    rows = [
        [[4, 6, 10], 1, "Doubled", [{"factor": 3.0}]],
        [11, 1, "Pick", []],
        [11, 1, "Pick", [1]],
        [11, 1, "Pick", [2]],
        [11, 1, "AllOfThem", []],
        [15, 1, "Conv", [256, 1, 1]],
        [[16, 13, 14], 1, "Detect", [2]],
    ]
    network = build(rows).eval()
    assert [branch[0].conv.in_channels for branch in network.model[-1].cv2] == [64, 128, 256]
    assert network.model[16].conv.in_channels == 128 + 128 + 256
    Doubled.calls = 0
    seen: dict[int, torch.Tensor] = {}
    for i in (6, 13):
        network.model[i].register_forward_hook(lambda module, x, y, i=i: seen.update({i: y}))
    network(torch.rand(1, 3, 64, 64))
    assert Doubled.calls == 1
    torch.testing.assert_close(seen[13], 3 * seen[6])


def test_copies_and_pickles_run(file):
    network = YOLO(file).model.eval()
    image = torch.rand(1, 3, 64, 64)
    expected = network(image)[0]
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(twin(image)[0], expected)


def test_embed_and_visualize_know_them(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = YOLO(file)
    image = np.zeros((64, 64, 3), np.uint8)
    (all_of_it,) = model.predict(image, imgsz=64, embed=[11], verbose=False)
    (piecewise,) = model.predict(image, imgsz=64, embed=[12, 13, 14], verbose=False)
    assert all_of_it.shape == (3 * 64,)
    assert torch.equal(all_of_it, piecewise)
    (last,) = model.embed(image, imgsz=64, verbose=False)
    assert torch.equal(last, all_of_it[-64:])
    (stock,) = model.predict(image, imgsz=64, embed=[4], verbose=False)
    assert stock.shape == (128,)
    model.predict(image, imgsz=64, visualize=True, verbose=False, project=str(tmp_path / "runs"))
    assert list((tmp_path / "runs").rglob("*.[jp][pn]g"))


def test_seed_carries_the_backbone_over(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    source = tasks.DetectionModel("yolo11n.yaml", nc=2, verbose=False)
    torch.save({"model": source, "train_args": {"task": "detect"}}, "stock.pt")
    report = seed(model=str(file), weights="stock.pt")
    grown = YOLO(str(report.out)).model
    for layer in range(11):
        for ours, theirs in zip(grown.model[layer].parameters(), source.model[layer].parameters(), strict=True):
            assert torch.allclose(ours.float(), theirs.float(), atol=1e-3)
    assert "CFPT" in {new["module"] for new in report.to_dict()["new"]}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            [11, 1, "Conv", [64, 1, 1]],
            r"layer 11 puts out 3 maps; let a row take one of them, as \[11, 1, Pick, \[0\]\]",
        ),
        ([[11, 4], 1, "Concat", [1]], "layer 11 puts out 3 maps"),
        ([11, 1, "EMA", []], "layer 11 puts out 3 maps"),
        ([11, 1, "Pick", [3]], "'index' must be 0 to 2: the layer puts out 3 maps, got 3"),
        ([11, 2, "Pick", [0]], "Pick can't be repeated"),
        ([[11, 4], 1, "Pick", [0]], r"Pick takes 1 input, 'from' gives 2\s+accepted: maps -> Pick\(index: int = 0\)"),
        ([4, 1, "Pick", [0]], "Pick takes one of several maps; the layer that it reads puts out one"),
        ([11, 1, "Pick", ["first"]], "'index'"),
    ],
)
def test_what_cannot_be_read_is_named_by_build_and_lint(row, expected, tmp_path):
    rows = [*yaml.safe_load(NECK)[:1], row, *([11, 1, "Pick", [i]] for i in range(3))]
    rows.append([[13, 14, 15], 1, "Detect", ["nc"]])
    with pytest.raises(ModelYamlError, match=expected) as caught:
        build(rows)
    assert "layer 12 (head[1])" in str(caught.value)
    text = "".join(f"\n  - {row}" for row in rows) + "\n"
    messages = [problem.message for problem in lint(write_model(text, tmp_path)).problems if problem.layer == 12]
    assert any(re.search(expected, message) for message in messages), messages


def test_a_head_that_reads_the_list_is_told_how_to_take_a_map(tmp_path):
    neck = "\n  - [[4, 6, 10], 1, CFPT, [256]]\n  - [[11], 1, Detect, [nc]]\n"
    (problem,) = lint(write_model(neck, tmp_path)).problems
    assert "layer 12 (head[1])" in problem.message
    assert "layer 11 puts out 3 maps" in problem.message


def test_lint_compares_what_is_declared_with_what_comes_out(tmp_path):
    neck = "\n  - [4, 1, SaysTwo, []]\n  - [11, 1, Pick, [1]]\n  - [[12, 6, 10], 1, Detect, [nc]]\n"
    (problem,) = lint(write_model(neck, tmp_path)).problems
    assert "puts out maps of [128, 1] channels, but declares 128, 128" in problem.message


def test_a_map_that_nobody_picks_is_no_problem_and_a_row_that_nobody_reads_is(tmp_path):
    taken = NECK.replace("  - [-3, 1, Pick, [2]] # 14: P5\n", "").replace("[12, 13, 14]", "[12, 13, 10]")
    assert lint(write_model(taken, tmp_path)).clean
    unread = NECK.replace("[12, 13, 14]", "[12, 13, 10]")
    (problem,) = lint(write_model(unread, tmp_path, "yolo11n-unread.yaml")).problems
    assert "layer 14" in problem.message
    assert "nobody reads its output" in problem.message


@pytest.mark.skipif(not hasattr(tasks, "Index"), reason="older releases have no Index")
def test_the_stock_picker_takes_a_map_too(tmp_path):
    rows = yaml.safe_load(NECK.replace("[11, 1, Pick, [1]]", "[11, 1, Index, [64, 1]]"))
    assert build(rows).stride.tolist() == [8, 16, 32]


def test_compose_puts_it_between_the_neck_and_detect():
    composed = compose_text("yolo11n", {"fuse": "CFPT(gain=0.0)@p3,p4", "refine": "EMA@p3"})
    head = yaml.safe_load(composed.text)["head"]
    assert head[9:14] == [
        [[16, -1], 1, "CFPT", [256, {"gain": 0.0}]],
        [-1, 1, "Pick", [0]],
        [-1, 1, "EMA", []],
        [20, 1, "Pick", [1]],
        [19, 1, "Conv", [512, 3, 2]],
    ]
    assert head[-1] == [[22, 23, 26], 1, "Detect", ["nc"]]
    assert composed.blocks[0] == {"block": "CFPT", "level": "p3,p4", "layer": 20}


def test_compose_without_a_neck_gives_the_authors_one():
    composed = compose("yolo11n", neck="none", fuse="CFPT")
    picks = [[-1 if i == 0 else 11, 1, "Pick", [i]] for i in range(3)]
    detect = [[12, 13, 14], 1, "Detect", ["nc"]]
    assert yaml.safe_load(composed.text)["head"] == [[[4, 6, -1], 1, "CFPT", [256]], *picks, detect]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"fuse": "CFPT@p3,p5"}, "fuse=CFPT: it reads neighbouring levels"),
        ({"fuse": "CFPT@p2,p3"}, "no such place; places for CFPT there: p3, p4, p5"),
        ({"fuse": "Pick"}, "compose writes rows of Pick itself"),
    ],
)
def test_compose_says_what_it_cannot_place(asked, expected):
    with pytest.raises(ArgumentError, match=expected):
        compose_text("yolo11n", asked)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"inputs": 1, "out": "picked"}, "out 'picked' is none of same, arg"),
        ({"inputs": "maps", "out": "picked"}, "has an argument 'index'"),
        ({"inputs": "n", "out": "each"}, "out 'each' is none of"),
        ({"inputs": "n", "out": "first", "outputs": 0}, "outputs must be a number, 'n' or a function, not 0"),
        ({"inputs": "n", "out": "first", "strides": (1, 2)}, "strides"),
    ],
)
def test_declarations_that_contradict_themselves_are_refused(declared, expected):
    with pytest.raises(BlockRegistrationError, match=expected):
        block(kind="fuse", **declared)(type("Contradicts", (), {"__init__": lambda self, channels: None}))
