# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine start``: what a dataset holds, what follows by the counted figures, and commands that can be typed."""

from __future__ import annotations

import inspect
import json
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

import yolo_fine
from yolo_fine.ablation.arms import read_arms
from yolo_fine.assigning.assign import assignment
from yolo_fine.cli import main
from yolo_fine.cli.command import find_verb
from yolo_fine.cli.verbs import FORWARDED
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.model_files import packaged_files
from yolo_fine.utils.calls import parameters_of

STUDY = Path(__file__).parents[2] / "docs" / "study"


def write_set(root: Path, boxes: list[tuple[int, int, int]], size: int) -> str:
    """One train and one val image, with squares (left, top, side) in pixels."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        pixels = np.full((size, size, 3), 90 if split == "train" else 91, np.uint8)
        cv2.imwrite(str(root / "images" / split / "0.png"), pixels)
        rows = [f"0 {(x + s / 2) / size} {(y + s / 2) / size} {s / size} {s / size}\n" for x, y, s in boxes]
        (root / "labels" / split / "0.txt").write_text("".join(rows))
    file = root / "data.yaml"
    file.write_text(yaml.safe_dump({"path": str(root), "train": "images/train", "val": "images/val", "names": ["a"]}))
    return str(file)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Squares of 10 px that stand 14 px apart in 512 x 512: at imgsz=128 each anchor lies in several."""
    grid = [(x, y, 10) for x in range(10, 480, 14) for y in range(10, 480, 14)]
    return write_set(tmp_path_factory.mktemp("a crowded set"), grid, 512)


@pytest.fixture(scope="module")
def easy(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("easy"), [(20, 20, 40), (90, 90, 30)], 128)


@pytest.fixture(scope="module")
def of_crowded(crowded):
    return yolo_fine.start(crowded, imgsz=128)


def test_sizes_are_those_at_the_input(of_crowded):
    assert (of_crowded.images, of_crowded.image_size, of_crowded.objects) == (1, (512, 512), 34 * 34)
    assert of_crowded.median_side == pytest.approx(2.5)
    assert of_crowded.passed
    assert of_crowded.table()[-1]["objects"] == "1,156"


def test_figures_are_those_of_the_assignment(of_crowded, crowded):
    counted = assignment(crowded, "yolo11n.yaml", imgsz=128)
    figures = of_crowded.advice[0].figures
    assert figures["contested"] == counted.overall.contested > 0.1
    assert [cure["contested"] for cure in figures["cures"]] == [cure.contested for cure in counted.cures]
    least = min(counted.cures, key=lambda cure: cure.no_candidate + cure.contested)
    assert of_crowded.advice[0].what in (least.what, "imgsz=128 with a P2 level")
    by_topic = {one.topic: one for one in of_crowded.advice}
    assert by_topic["slices"].figures["tiny"] == 1.0  # 2.5 px
    assert by_topic["slices"].figures["tiny_on_slices"] == 0.0  # 10 px
    assert by_topic["weights"].figures["tensors"] == by_topic["weights"].figures["of"] > 400


def test_nothing_is_changed_where_all_is_seen(easy, tmp_path, capsys):
    assert main(["start", easy, "imgsz=128", f"json={tmp_path / 'start.json'}"]) == 0
    said = capsys.readouterr().out
    assert "imgsz=128, the stock levels" in said
    assert "slices" not in said
    written = json.loads((tmp_path / "start.json").read_text())
    (model,) = [one for one in written["advice"] if one["topic"] == "model"]
    assert model["what"] == "yolo11n.yaml"  # no block has shown a gain beyond noise in docs/study.md
    assert "train model=yolo11n.pt data=" in said
    assert "models=yolo11n.yaml,yolo11n-fine.yaml,yolo11n.yaml+imgsz:192" in said
    # FINE at P4 and P3 of the n model costs 6 % of its GFLOPs (docs/models.md)
    assert model["figures"]["gflops_ratio_rival"] == pytest.approx(1.06, abs=0.01)
    assert model["figures"]["parameters"] == 2_624_080


def test_a_level_at_stride_4_is_compared_where_most_objects_are_small(tmp_path):
    small, large = [(20, 20, 30), (70, 20, 30), (20, 70, 30)], (200, 200, 300)
    for name, boxes, size, rival in (
        ("small", small, 128, "small"),
        ("half", [*small[:1], (90, 90, 36)], 128, "fine"),
        ("with a large one", [*small, (200, 200, 490)], 1024, "fine"),  # P5 has to stay
        ("with a middling one", [*small, large], 1024, "small"),
    ):
        found = yolo_fine.start(write_set(tmp_path / name, boxes, size), imgsz=size)
        (model,) = [one for one in found.advice if one.topic == "model"]
        assert model.what == "yolo11n.yaml"
        assert f"yolo11n-{rival}.yaml" in model.why
        assert f"models=yolo11n.yaml,yolo11n-{rival}.yaml,yolo11n.yaml+imgsz:" in found.commands[-1]
        assert model.figures["gflops_ratio_rival"] == pytest.approx({"small": 1.22, "fine": 1.06}[rival], abs=0.02)


def gains_beyond_noise(metric: str) -> dict[tuple[str, str], float]:
    """Of the studies that are committed, by study and model."""
    return {
        (report.parent.name, one["model"]): one["difference"]
        for report in STUDY.glob("*/report.json")
        for one in json.loads(report.read_text())["comparisons"]
        if one["metric"] == metric and one["verdict"].startswith("beyond noise") and one["difference"] > 0
    }


def test_the_study_says_what_the_advice_says_of_it():
    """Gains beyond noise: of the size of the input and of a level at stride 4, and of no block."""
    small = "yolo11n-class.yaml"  # head=p2,p3,p4, as -small
    wide, mid = "yolo11n-wide.yaml", "yolo11n-mid.yaml"  # with p2_branch=0, and with 1
    gains, recall = gains_beyond_noise("AP_small"), gains_beyond_noise("AR_small")
    assert {model for _, model in gains} == {"yolo11n.yaml+imgsz:416", wide, small}
    assert {model for _, model in recall} == {"yolo11n-p2add.yaml", wide, mid, small}  # the first: with 0.5
    told = "class_branch_nine_seeds", small
    assert (gains[told], recall[told]) == pytest.approx((0.46, 5.48), abs=0.005)
    made = json.loads((STUDY / "class_branch_nine_seeds" / "plan.json").read_text())["made_by"][small]
    packaged = packaged_files("models")["yolo11-small.yaml"].read_text(encoding="utf-8").splitlines()[0]
    assert made.split()[3] == packaged.split()[6] == "head=p2,p3,p4"
    assert len(made.split()) == len(packaged.split()[3:])


def test_the_model_follows_the_largest_object(tmp_path):
    """Squares of 10 px are enlarged to 16 under stock levels, and contend; at stride 4 they don't."""
    small = [(x, y, 10) for x in range(10, 300, 11) for y in range(10, 300, 11)]
    for side, model, head, arm in (
        (200, "yolo11n-small.yaml", "p2,p3,p4", "yolo11n-small.yaml"),
        (490, "yolo11n-p2345.yaml", "p2,p3,p4,p5", "yolo11n+head:p2,p3,p4,p5"),
    ):
        file = write_set(tmp_path / str(side), [*small, (520, 300, side)], 1024)
        found = yolo_fine.start(file, imgsz=1024)
        by_topic = {one.topic: one for one in found.advice}
        assert by_topic["input"].what == "imgsz=1024 with a P2 level"
        assert by_topic["head"].what == f"head={head}"
        assert by_topic["head"].figures["largest_side"] == side
        assert by_topic["model"].what == model
        assert any(f"out={model}" in command for command in found.commands) == (side == 490)
        arms = read_arms(found.commands[-1].split("models=")[1].split()[0])
        assert [one.name for one in arms] == ["yolo11n.yaml", arm, "yolo11n.yaml+imgsz:1536"]


def test_the_commands_can_be_typed(of_crowded, crowded):
    assert len(of_crowded.commands) >= 3
    for command in of_crowded.commands:
        program, *words = shlex.split(command)
        assert program == "yolo-fine"
        assert crowded in words or f"data={crowded}" in words
        name, verb, rest = find_verb(words)
        if verb is None:
            assert name in FORWARDED
            continue
        takes_more = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(verb.load()).parameters.values())
        keys = {word.partition("=")[0] for word in rest if "=" in word}
        assert takes_more or keys <= set(parameters_of(verb.load())), command


def test_problems_come_first(tmp_path, capsys):
    file = write_set(tmp_path, [(20, 20, 40)], 128)
    (tmp_path / "labels" / "val" / "0.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    assert main(["start", file, "imgsz=128"]) == 1
    assert "1 broken label file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"imgsz": 7}, "imgsz=7"), ({"family": "yolo5"}, "family=yolo5 is none of"), ({"scale": "q"}, "scale=q")],
)
def test_wrong_arguments(easy, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        yolo_fine.start(easy, **arguments)
