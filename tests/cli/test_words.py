# SPDX-License-Identifier: AGPL-3.0-or-later
"""Words of the command line become the values that a function asks for; paths are never read as anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from yolo_fine.cli.words import call, read_text
from yolo_fine.errors import ArgumentError
from yolo_fine.utils.paths import StrPath


@pytest.mark.parametrize(
    "text", ["2024_01_02", "010", "on", "x #y", "*s", "1e3", "[a]", "~", "null", "a: b", "Ärger \udce9"]
)
@pytest.mark.parametrize("annotation", [StrPath | None, str, Path | None])
def test_texts_and_paths_are_taken_as_typed(text, annotation):
    value = read_text(text, annotation)
    assert str(value) == text
    assert isinstance(value, Path) == (annotation == Path | None)


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("640", int, 640),
        ("1e-3", float, 0.001),
        ("True", bool, True),
        ("false", bool, False),
        ("None", int | None, None),
        ("", int | None, None),
        ("", StrPath | None, None),
        ("none", Literal["stock", "none"], "none"),
        ("[8, 16]", list[int], [8, 16]),
        ("many", int, "many"),  # refused by the check that follows
    ],
)
def test_numbers_flags_and_lists_are_read(text, annotation, value):
    assert read_text(text, annotation) == value


def grow(model: str, *, epochs: int = 1, out: StrPath | None = None) -> tuple[object, ...]:
    return model, epochs, out


def test_a_bare_word_is_the_argument_that_may_go_without_its_key():
    assert call(grow, ["my.yaml", "epochs=3"], bare="model") == ("my.yaml", 3, None)
    assert call(grow, ["model=my.yaml", "out=010"], bare="model") == ("my.yaml", 1, "010")


def test_several_words_are_arguments_in_their_order():
    assert call(grow, ["my.yaml", "runs", "epochs=3"], bare="model out") == ("my.yaml", 3, "runs")
    assert call(grow, ["runs", "model=my.yaml"], bare="model out") == ("my.yaml", 1, "runs")
    assert call(grow, ["my.yaml"], bare="model out") == ("my.yaml", 1, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["my.yaml", "epoch"], "'epoch' is not understood; did you mean epochs=...?; arguments"),
        (["my.yaml", "other"], "'other' is not understood; arguments are written key=value: model, epochs, out"),
        (["my.yaml", "model=other"], "'my.yaml' is not understood"),
        (["model=a", "model=b"], "'model' is given twice: model=a and model=b"),
        (
            ["model=a", "--epochs=3"],
            "'--epochs=3': arguments are written key=value, without dashes; did you mean epochs=3?",
        ),
        (["=a"], "'=a' has no key"),
        (["model=a", "epoch=3"], "unknown argument 'epoch'; did you mean epochs?"),
        (["model=a", "epochs=many"], "argument 'epochs' must be int, got 'many'"),
        (["model="], "argument 'model' must be str, got None"),
        ([], "model must be given, as model=..."),
    ],
)
def test_mistakes_are_one_message(words, message):
    with pytest.raises(ArgumentError) as caught:
        call(grow, words, bare="model")
    assert message in str(caught.value)
