# SPDX-License-Identifier: AGPL-3.0-or-later
"""lint on YAMLs that no honest editor writes: it answers at once, in one message, and runs nothing they ask for."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest
from ultralytics import YOLO
from ultralytics.nn import tasks

from yolo_fine.cli import main
from yolo_fine.errors import ArgumentError, ModelYamlError, YoloFineError
from yolo_fine.linter.lint import find_problems, printable

CONVS = [f"  - [-1, 1, Conv, [{width}, 3, 2]]" for width in (64, 128, 256, 512)]


def write(folder, *, keys="nc: 3", scales="{n: [0.5, 0.25, 1024]}", rows=(), detect="[[2, 3], 1, Detect, [nc]]"):
    """A small model; ``rows`` stand behind its four Conv rows."""
    text = "\n".join([keys, f"scales: {scales}", "backbone:", *CONVS, *rows, "head:", f"  - {detect}", ""])
    (folder / "yolo11-mine.yaml").write_text(text, encoding="utf-8")
    return str(folder / "yolo11n-mine.yaml")


def messages(name):
    return [problem.message for problem in find_problems(name).problems]


def inserted(row):
    """A row that Detect reads, behind the others."""
    return {"rows": [f"  - {row}"], "detect": "[[2, 4], 1, Detect, [nc]]"}


TOO_LARGE = [
    ({"detect": "[[2, 3], 1, RTDETRDecoder, [nc, 256, 300, 4, 8, 100000]]"}, "it needs more than 10,000 steps"),
    ({"detect": "[[2, 3], 1, RTDETRDecoder, [nc, '1000000000']]"}, "the argument '1000000000' is too large"),
    ({"scales": "{n: [100000, 0.25, 1024]}"}, "100,000 repeats (with the model's depth) are more than 1000"),
    (inserted("[-1, 1, nn.LSTM, [64, 64, 100000]]"), "it needs more than 10,000 steps"),
    ({"keys": "nc: 3\nactivation: nn.LSTM(10, 10, 100000)"}, "it needs more than 10,000 steps"),
    ({"keys": "nc: 3\nactivation: nn.Linear(100000, 100000)"}, "it needs a tensor of 10,000,000,000 values"),
    (inserted("[0, 1, AIFI, [1024, 8]]"), "it needs a tensor of"),  # attention over every cell at stride 2
    (inserted("[3, 1, nn.Upsample, [null, 2000]]"), "it needs a tensor of"),
]


@pytest.mark.parametrize(("parts", "said"), TOO_LARGE, ids=[said for _, said in TOO_LARGE])
def test_what_would_take_all_memory_or_for_ever(parts, said, tmp_path):
    found = messages(write(tmp_path, **parts))
    assert any(said in message for message in found), found


NOT_BUILT = [
    ("[-1, 1, nn.CosineSimilarity, []]", "does not take its inputs"),
    ("[-1, 1, torchvision.ops.DeformConv2d, [128, 128, 3]]", "does not take its inputs"),
    ("[-1, 1, DetectionModel, [\"'https://127.0.0.1:9/x.yaml'\"]]", "DetectionModel is a whole model, no layer"),
    ("[-1, 1, TorchVision, [128, resnet18, NONSENSE]]", "there are no weights 'NONSENSE' for resnet18, only"),
    ("[-1, 1, TorchVision, [128, resnet19]]", "Ultralytics can't build it"),
    ("[-1, 1, nn.ConvTranspose3d, [128, 128, 3, 1, 1]]", "does not take its inputs"),  # fails on numbers only
    ('[-1, 1, nn.Identity, ["two words"]]', "Ultralytics can't build it"),
    ("[[-1], 1, Conv, [512]]", "it reads one layer: write 'from' as -1"),
    ("[-1, 1, Concat, [1]]", "it reads a list of layers: write 'from' as [-1, ...]"),
    ("[-1, 6, Conv, [256]]", "with repeats 1 it fits"),
    ("[-1, 1, on, []]", "the module must be a name, got True (YAML reads yes, on and true as True"),
    ("[-1, 1, nn.Identity, [args]]", "the parser takes the argument 'args' for its own variable"),
]


@pytest.mark.parametrize(("row", "said"), NOT_BUILT, ids=[row for row, _ in NOT_BUILT])
def test_rows_that_look_right_and_are_not(row, said, tmp_path):
    if "ision" in row and not hasattr(tasks, "TorchVision"):
        pytest.skip("this release knows no layers of torchvision")
    name = write(tmp_path, **inserted(row))
    (found,) = messages(name)
    assert said in found
    if "args" not in row and "TorchVision" not in row and "https" not in row:
        with pytest.raises(Exception):  # noqa: B017, PT011
            YOLO(name)


@pytest.mark.parametrize("size", ["[3, 1]", "[2, 1, 1]"])
def test_a_map_without_whole_stride_under_detect(size, tmp_path):
    found = messages(write(tmp_path, **inserted(f"[2, 1, nn.MaxPool2d, {size}]")))
    assert any("an image of 256x256 has no such stride" in message for message in found), found


TEN = "[{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]"
LAUGHS = "\n".join(f"{new}: &{new} {TEN.format('*' + old)}" for old, new in zip("abcdefgh", "bcdefghi", strict=True))
UNREADABLE = {
    "nested lists": ("nc: " + "[" * 100_000, "nested more than 50 levels deep"),
    "nested keys": ("a: " + "{a: " * 100_000, "nested more than 50 levels deep"),
    "aliases that grow": (f"a: &a [x]\n{LAUGHS}\nbackbone: *i\nhead: *i\n", "its aliases (*name) repeat"),
    "an alias of itself": ("backbone: &b [[-1, 1, Conv, *b]]\nhead: [[-1, 1, Detect, [nc]]]\n", "aliases (*name)"),
    "a giant number": (f"nc: 0x{'f' * 5000}\n", "a number of more than 100 digits"),
    "no date": ("nc: !!timestamp x\n", "is not a readable YAML file"),
    "no flag": ("nc: !!bool x\n", "is not a readable YAML file"),
    "no number": ("nc: !!float ''\n", "is not a readable YAML file"),
    "an object": ("nc: !!python/object/apply:os.abort []\n", "is not a readable YAML file"),
    "no such alias": ("nc: *x\n", "is not a readable YAML file"),
    "a tab": ("backbone:\n\t- [-1, 1, Conv, [64]]\n", "line 2, column 1: "),
    "an open list": ("nc: 3\nbackbone: [1\n", "line 3, column 1"),
    "too many rows": ("backbone:\n" + "  - 3\n" * 2000 + "head: [4]\n", "it has 2,001 rows"),
    "too many bytes": ("# " + "x" * 2_000_000, "more than 1,000,000 bytes"),
    "a list": ("[1, 2]", "is not a readable YAML file, or holds no keys"),
    "a word": ("text", "is not a readable YAML file, or holds no keys"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_files_end_in_one_message(kind, tmp_path):
    text, said = UNREADABLE[kind]
    file = tmp_path / "yolo11-mine.yaml"
    file.write_text(text)
    with pytest.raises(ModelYamlError) as caught:
        find_problems(str(file))
    assert caught.value.exit_code == 2
    assert said in str(caught.value)
    assert len(str(caught.value)) < 600


def test_names_that_are_no_files(tmp_path):
    with pytest.raises(ArgumentError, match="is a web address"):
        find_problems("https://127.0.0.1:9/yolo11n.yaml")
    for name in ("yolo11n-\0.yaml", f"yolo11n-{'x' * 5000}.yaml", "", "."):
        with pytest.raises(YoloFineError):
            find_problems(name)
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ModelYamlError, match="it is no file"):
        find_problems(str(tmp_path / "pipe.yaml"))


def test_no_code_of_a_yaml_is_run(tmp_path):
    mark = tmp_path / "was-here"
    name = write(tmp_path, keys=f"nc: 3\nactivation: open('{mark}', 'w')")
    assert "is no layer of torch.nn" in messages(name)[0]
    assert not mark.exists()


@pytest.mark.parametrize("text", ["nn.ReLU(1, 2, 3)", "nn.PReLU(8)", "nn.Flatten()"])
def test_an_activation_that_can_not_be_one_is_said_once(text, tmp_path):
    (found,) = messages(write(tmp_path, keys=f"nc: 3\nactivation: {text}"))
    assert f"activation: '{text}'" in found


def test_faulty_keys_are_not_blamed_on_the_rows(tmp_path):
    pose = {"keys": "nc: 3\nkpt_shape: [17, 9]", "detect": "[[2, 3], 1, Pose, [nc, kpt_shape]]"}
    (found,) = messages(write(tmp_path, **pose))
    assert "kpt_shape: [17, 9] must be" in found
    (found,) = messages(write(tmp_path, scales="{n: [0.5, 0.25, 1024], s: [1, 1]}", **inserted("[-1, 1, EMA, [8]]")))
    assert "scales: s: must be" in found


@pytest.mark.parametrize(
    ("scales", "said"),
    [
        ("{1: [1, 1, 1], 2: [1, 1, 1]}", "scales: 1 can't be asked for"),
        ("[1]", "scales: must give"),
        ("{s: [1, 1, 1024], m: [1, 1, 1024]}", "there is no scale 'n', only s, m"),
        ("{n: [.nan, .inf, true]}", "scales: n: must be"),
    ],
)
def test_malformed_scales(scales, said, tmp_path):
    assert said in messages(write(tmp_path, scales=scales))[0]


def test_where_only_some_scales_are_wrong(tmp_path):
    scales = "{n: [0.5, 0.25, 1024], s: [0.5, 0.5, 1024], l: [1, 0.375, 1024]}"
    write(tmp_path, scales=scales, **inserted("[0, 1, EMA, [{factor: 16}]]"))  # 16, 32 and 24 channels
    found = messages(str(tmp_path / "yolo11-mine.yaml"))
    assert [re.findall(r"\(at scale .*\)", message) for message in found if "EMA argument" in message] == [
        ["(at scale l)"]
    ]


def test_text_fed_models_are_built_by_the_class_of_their_name(tmp_path):
    name = write(tmp_path, detect="[[2, 3], 1, RTDETRDecoder, [nc]]")
    (found,) = messages(name)
    assert found.endswith("['nc']]: RTDETRDecoder works only in models with 'rtdetr' in their file name")
    (tmp_path / "yolo11-rtdetr.yaml").write_text((tmp_path / "yolo11-mine.yaml").read_text())
    assert find_problems(str(tmp_path / "yolo11n-rtdetr.yaml")).clean


@pytest.mark.parametrize("name", ["rtdetr-mine.yaml", "yoloe-mine.yaml", "mine-world.yaml", "FastSAM-mine.yaml"])
def test_a_name_that_stands_for_another_kind_of_model(name, tmp_path):
    write(tmp_path)
    (tmp_path / "yolo11-mine.yaml").rename(tmp_path / name)
    (found,) = messages(str(tmp_path / name))
    assert "in its name for another kind of model; rename it" in found


def test_a_message_is_one_line(tmp_path, capsys):
    name = write(tmp_path, **inserted("[-1, 1, FINE, [9]]"))
    assert main(["lint", f"model={name}"]) == 1
    said = capsys.readouterr().out
    assert "FINE takes 2 inputs (high, low), 'from' gives 1\n  accepted: [high, low] -> FINE(" in said
    assert "\\n" not in said


def test_lint_leaves_no_trace_in_the_process(tmp_path):
    before = tasks.Conv.default_act, threading.active_count()
    find_problems(write(tmp_path, keys="nc: 3\nactivation: nn.PReLU()"))
    find_problems("rtdetr-l.yaml")
    assert (tasks.Conv.default_act, threading.active_count()) == before


def test_what_can_not_be_shown_is_escaped(tmp_path, capsys):
    assert printable("a\nb\x1b[31m\ud800é") == "a\\nb\\x1b[31m\\ud800é"
    name = write(tmp_path, **inserted('[-1, 1, "Co\\nnv\\e[31m", [64]]'))
    assert main(["lint", f"model={name}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "unknown module 'Co\\nnv\\x1b[31m'" in lines[0]


def test_every_problem_says_where_it_is(tmp_path):
    (found,) = find_problems(write(tmp_path, **inserted("[-1, 1, EMAA, []]"))).problems
    assert (found.layer, found.section, found.position) == (4, "backbone", 4)
    (found,) = find_problems(write(tmp_path, keys="nc: yes")).problems
    assert (found.layer, found.section, found.position) == (None, None, None)


def test_a_long_row_is_shown_shortened(tmp_path):
    (found,) = messages(write(tmp_path, **inserted(f"[-1, 1, Conv, [{', '.join(['64'] * 500)}]]")))
    assert len(found) < 700
    assert Path(found.split(":")[0]).name == "yolo11n-mine.yaml"
