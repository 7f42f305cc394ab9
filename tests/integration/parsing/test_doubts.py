# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows as tutorials of forks have them: said by lint and by the build, with the row that was meant, for every block."""

from __future__ import annotations

import logging

import pytest
import yaml
from torch import nn
from ultralytics.nn.tasks import DetectionModel

from yolo_fine import block, list_blocks
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.parsing import parser
from yolo_fine.linter.lint import find_problems
from yolo_fine.registry import registered
from yolo_fine.utils.constraints import Gain, Reduction

SCALES = {"n": [0.33, 0.25, 1024], "s": [0.33, 0.5, 1024], "l": [1.0, 1.0, 128]}
BACKBONE = [
    [-1, 1, "Conv", [32, 3, 2]],
    [-1, 1, "Conv", [64, 3, 2]],
    [-1, 1, "Conv", [256, 3, 2]],
    [-1, 1, "Conv", [256, 3, 2]],
]
PACKAGED = [spec for spec in list_blocks() if spec.cls.__module__.startswith("yolo_fine.")]
WITHOUT_WIDTH = [spec for spec in PACKAGED if spec.out != "arg"]  # the others' rows state their channels


def model(*rows, scale="n"):
    """A model with ``rows`` behind four convolutions; the last row's map is what the head reads."""
    head = [*rows, [[len(BACKBONE) + len(rows) - 1], 1, "Detect", ["nc"]]]
    return {"nc": 3, "scales": SCALES, "scale": scale, "backbone": BACKBONE, "head": head}


def lint(folder, *rows, name="yolo11n-mine.yaml"):
    text = {key: value for key, value in model(*rows).items() if key != "scale"}
    (folder / name.replace("11n", "11")).write_text(yaml.safe_dump(text, sort_keys=False))
    return find_problems(str(folder / name))


@pytest.fixture
def warned(caplog):
    """What the build of a model warns of."""
    parser.warn_once.cache_clear()
    logger = logging.getLogger("ultralytics")
    logger.addHandler(caplog.handler)

    def build(*rows, scale="n"):
        caplog.clear()
        DetectionModel(model(*rows, scale=scale), verbose=False)
        return [record.getMessage() for record in caplog.records if "yolo_fine" in record.getMessage()]

    yield build
    logger.removeHandler(caplog.handler)


@pytest.mark.parametrize(
    ("row", "meant"),
    [
        (["CBAM", [256]], []),
        (["CBAM", [256, 7]], []),
        (["SE", [256]], []),
        (["SE", [256, 16]], [16]),
        (["RFB", [256, 256]], []),
        (["GC", [256]], []),
        (["MSCAM", [256]], []),
        (["DWR", [256]], []),
        (["Res2Net", [256]], []),
        (["SE", [64]], []),  # as scale n has it
        (["SE", [128, {"gain": None}]], [{"gain": None}]),  # as s has it
    ],
)
def test_channels_typed_by_hand_are_said_with_the_row_that_was_meant(row, meant, tmp_path, warned):
    name, args = row
    said = f"{args[0]} looks like the row's channels"
    (message,) = warned([-1, 1, name, args])
    assert said in message
    assert message.endswith(f"probably meant: [-1, 1, '{name}', {meant}]")
    assert "layer 4 (head[0])" in message
    (problem,) = lint(tmp_path, [-1, 1, name, args]).problems
    assert said in problem.message
    assert problem.layer == 4
    assert not warned([-1, 1, name, args]), "a training builds its model more than once, and is told once"
    assert lint(tmp_path, [-1, 1, name, meant]).clean
    assert not warned([-1, 1, name, meant])


@pytest.mark.parametrize("spec", WITHOUT_WIDTH, ids=lambda spec: spec.name)
def test_every_block_answers_a_typed_channel_count(spec, tmp_path):
    sources = {1: -1, "n": [-1, 2]}.get(spec.inputs, [-1] * len(spec.input_names or ()))
    if spec.out == "arg":
        pytest.skip("its first argument is its width")
    report = lint(tmp_path, [sources, 1, spec.name, [256]])
    (message,) = [problem.message for problem in report.problems if problem.layer == 4]
    if spec.parameters:
        assert "256 looks like the row's channels" in message
        assert f"probably meant: [{sources}, 1, '{spec.name}', []]" in message


@pytest.mark.parametrize("row", [["ECA", [256]], ["EMA", [256]], ["EMA", [256, 8]], ["ASPPLite", [256]]])
def test_where_the_row_is_an_error_too_it_says_what_was_meant(row, tmp_path):
    name, args = row
    with pytest.raises(ModelYamlError, match=r"256 looks like the row's channels.*probably meant") as caught:
        DetectionModel(model([-1, 1, name, args]), verbose=False)
    assert str(caught.value).splitlines()[1].startswith("  accepted: ")
    (problem,) = lint(tmp_path, [-1, 1, name, args]).problems
    assert f"probably meant: [-1, 1, '{name}', {args[1:]}]" in problem.message


@pytest.mark.parametrize("name", ["CARAFE", "DySample", "LDAAQU"])
def test_upsamplers_end_in_lints_message_before_any_memory_is_asked_for(name, tmp_path):
    (problem,) = lint(tmp_path, [-1, 1, name, [256]]).problems
    assert "it needs a tensor of" in problem.message
    with pytest.raises(ModelYamlError) as caught:
        DetectionModel({**model([-1, 1, name, [256]]), "yaml_file": str(tmp_path / "yolo11n-mine.yaml")}, verbose=False)
    assert str(caught.value) == problem.message


def test_a_large_argument_that_reads_like_no_channels_is_tried_too():
    with pytest.raises(ModelYamlError, match="it needs a tensor of"):
        DetectionModel(model([-1, 1, "LDAAQU", [1000]]), verbose=False)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([48], "'reduction' 48 leaves 1 of 64 channels; probably meant: [-1, 1, 'SE', []]"),
        ([16, 2.0], "'gain' 2.0 is above 1 (1 is the published block); probably meant: [-1, 1, 'SE', [16]]"),
        ([{"gain": 2}], "'gain' 2 is above 1 (1 is the published block); probably meant: [-1, 1, 'SE', []]"),
        (
            [{"reduction": 48, "gain": 1}],
            "'reduction' 48 leaves 1 of 64 channels; probably meant: [-1, 1, 'SE', [{'gain': 1}]]",
        ),
        ([{"reduction": 64}], "'reduction' 64 leaves 1 of 64 channels; probably meant: [-1, 1, 'SE', []]"),
    ],
)
def test_values_that_were_hardly_meant(args, said, tmp_path, warned):
    (message,) = warned([-1, 1, "SE", args])
    assert message.endswith(f"layer 4 (head[0]) [-1, 1, 'SE', {args}]: {said}")
    report = lint(tmp_path, [-1, 1, "SE", args])
    given_by_name = isinstance(args[0], dict)
    told = [note for note in report.notes if "layer" in note] if given_by_name else [p.message for p in report.problems]
    assert [message.endswith(said) for message in told] == [True]
    assert report.clean == given_by_name, "what is written by name is meant, and no problem"


@pytest.mark.parametrize(
    "args", [[], [16], [8], [32], [16, 0.5], [16, 1.0], [16, None], [16, {"gain": 1.0}], [{"reduction": 4}]]
)
def test_what_may_be_meant_is_not_doubted(args, tmp_path, warned):
    assert not warned([-1, 1, "SE", args])
    report = lint(tmp_path, [-1, 1, "SE", args])
    assert report.clean
    assert not [note for note in report.notes if "layer" in note]


def test_channels_are_counted_behind_other_blocks_and_at_every_scale(tmp_path, warned):
    """At scale l no map has more than 128 channels; a row above that is doubted, too, does not stop the count."""
    rows = [[-1, 1, "SE", [256]], [-1, 1, "CBAM", [256, 7]]]
    assert [message.split(": 256 looks")[0][-30:] for message in warned(*rows)] == [
        f"layer {layer} (head[{layer - 4}]) {row}"[-30:] for layer, row in enumerate(rows, start=4)
    ]
    assert [problem.layer for problem in lint(tmp_path, *rows, name="yolo11-mine.yaml").problems] == [4, 5]
    assert "128 looks like" in warned([-1, 1, "SE", [128]], scale="l")[0]


def test_a_block_of_another_package_gets_the_checks_by_its_types(tmp_path, warned):
    @block(inputs=1, out="same", kind="refine")
    class SomeonesGate(nn.Module):
        """A test block."""

        def __init__(self, c1: int, reduction: Reduction = 4, *, gain: Gain | None = 0.0) -> None:
            super().__init__()
            self.conv = nn.Conv2d(c1, c1, 1)

        def forward(self, x):
            return self.conv(x)

    try:
        assert "256 looks like the row's channels" in warned([-1, 1, "SomeonesGate", [256]])[0]
        assert "'reduction' 40 leaves 1 of 64" in lint(tmp_path, [-1, 1, "SomeonesGate", [40]]).problems[0].message
        assert "'gain' 3 is above 1" in warned([-1, 1, "SomeonesGate", [{"gain": 3}]])[0]
    finally:
        del registered["SomeonesGate"]


def test_the_first_argument_of_a_block_with_a_width_of_its_own_is_its_width(warned):
    @block(inputs=1, out="arg", kind="conv")
    class SomeonesConv(nn.Module):
        """A test block."""

        def __init__(self, c1: int, c2: int, kernel: int = 1) -> None:
            super().__init__()
            self.conv = nn.Conv2d(c1, c2, kernel, padding=kernel // 2)

        def forward(self, x):
            return self.conv(x)

    try:
        assert not warned([-1, 1, "SomeonesConv", [256]])
        assert warned([-1, 1, "SomeonesConv", [256, 65]]) == []
        (message,) = warned([-1, 1, "SomeonesConv", [512, 64]])
        assert message.endswith("probably meant: [-1, 1, 'SomeonesConv', [512]]")
    finally:
        del registered["SomeonesConv"]


@pytest.mark.parametrize("flag", ["Flase", "true", "Nein"])
def test_a_text_where_a_stock_row_wants_true_or_false(flag, tmp_path):
    row = [-1, 1, "C2f", [256, flag]]
    said = f"C2f argument 'shortcut' must be True or False, got '{flag}'"
    (problem,) = lint(tmp_path, row).problems
    assert said in problem.message
    with pytest.raises(ModelYamlError, match=said):
        DetectionModel(model(row, [-1, 1, "SE", []]), verbose=False)


def test_texts_that_are_none_of_these_pass(tmp_path):
    rows = [[-1, 1, "C2f", [256, "True"]], [-1, 1, "nn.Upsample", ["None", 2, "nearest"]], [-1, 1, "SE", []]]
    assert lint(tmp_path, *rows).clean
    DetectionModel(model(*rows), verbose=False)
