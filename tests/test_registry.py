# SPDX-License-Identifier: AGPL-3.0-or-later
"""Declaring blocks, finding them by name, and typed arguments of YAML rows."""

from __future__ import annotations

import os
from typing import Literal

import pytest

from tests.commands import pythons, yolo
from yolo_fine import block, get_block, list_blocks
from yolo_fine.errors import BlockArgumentError, BlockRegistrationError, UnknownBlockError
from yolo_fine.utils.arguments import convert


class Plain:
    """A class that stands in for a module: the registry knows no torch."""

    def __init__(self, c1: int, size: int = 3, mode: Literal["a", "b"] = "a", rates: tuple[int, ...] = (1, 2)) -> None:
        self.given = (c1, size, mode, rates)


def test_packaged_blocks_are_listed_by_kind():
    names = [spec.name for spec in list_blocks()]
    assert names == sorted(names)
    assert {"FINE", "FINEConcat", "EMA", "DilatedContext", "DilatedFusion"} <= set(names)
    assert {spec.kind for spec in list_blocks("refine")} == {"refine"}


def test_a_missing_block_is_answered_with_the_nearest():
    with pytest.raises(UnknownBlockError, match="unknown block 'FINES'; did you mean FINE"):
        get_block("FINES")


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("SEAttention", "SE"),
        ("EMAttention", "EMA"),
        ("ema_attention", "EMA"),
        ("SE_Block", "SE"),
        ("BiFPN", "WeightedAdd"),
    ],
)
def test_a_name_of_forks_is_answered_with_ours(name, right):
    with pytest.raises(UnknownBlockError, match=rf"unknown block '{name}'; did you mean {right}\?$"):
        get_block(name)


def test_aliases_are_nobodys_name():
    from ultralytics.nn import tasks

    from yolo_fine.integration.parsing.parser import known_names

    spelled = [alias.lower().replace("_", "") for spec in list_blocks() for alias in spec.aliases]
    assert len(spelled) == len(set(spelled)), "two aliases are one but for case and underscores"
    assert not set(spelled) & {name.lower().replace("_", "") for name in known_names(tasks)}


def test_declaration_builds_and_shows_its_signature():
    block(inputs=1, out="same", kind="refine", name="PlainBlock")(Plain)
    spec = get_block("PlainBlock")
    assert spec.signature == ("x -> PlainBlock(size: int = 3, mode: 'a' or 'b' = 'a', rates: tuple[int, ...] = (1, 2))")
    assert spec.build([8], 8, spec.bind([5, {"mode": "b"}])).given == (8, 5, "b", (1, 2))
    assert spec.build([8], 8, spec.bind([5, "b", [1, 3]])).given == (8, 5, "b", (1, 3))
    assert spec.output_channels([8]) == 8
    block(inputs=1, out="same", kind="refine", name="PlainBlock")(Plain)  # the same class again, as in a notebook


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        ({"inputs": 1, "out": "same", "kind": "refin"}, "kind 'refin' is none of"),
        ({"inputs": 1, "out": "low", "kind": "refine"}, "out 'low' is none of same, arg"),
        (
            {"inputs": ("high", "low"), "out": "deep", "kind": "fuse"},
            "out 'deep' is none of first, last, sum, arg, high, low",
        ),
        (
            {"inputs": 2, "out": "first", "kind": "fuse"},
            "inputs must be 1, 'n', 'maps' or a list of input names, not 2",
        ),
        ({"inputs": 1, "out": "same", "kind": "refine", "name": "nn.Thing"}, "is not a plain identifier"),
        ({"inputs": 1, "out": "same", "kind": "refine", "name": "FINE"}, "block name 'FINE' is declared twice"),
        ({"inputs": 1, "out": "same", "kind": "refine", "origin": "mine"}, "origin 'mine' is none of"),
    ],
)
def test_wrong_declarations(declaration, reason):
    with pytest.raises(BlockRegistrationError, match=reason):
        block(**declaration)(Plain)


@pytest.mark.parametrize(
    ("value", "annotation", "result"),
    [
        ("None", int | None, None),
        ("1e-3", float, 1e-3),
        (1, float, 1),
        ("3", int, 3),
        ("True", bool, True),
        ("True", Literal["True"], "True"),
        ("sum", str, "sum"),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, 2], tuple[int, int], (1, 2)),
        ([1, 2], list[int], [1, 2]),
    ],
)
def test_values_are_read_as_the_annotation_asks(value, annotation, result):
    converted = convert("Block argument 'key'", value, annotation)
    assert converted == result
    assert type(converted) is type(result)


@pytest.mark.parametrize(
    ("value", "annotation", "reason"),
    [
        ("Ture", bool, r"must be bool, got 'Ture'; did you mean True\?"),
        ("Nome", int | None, r"must be int or None, got 'Nome'; did you mean None\?"),
        (True, int, "must be int, got True"),
        (1, bool, "must be bool, got 1"),
        (1.5, int, "must be int, got 1.5"),
        ("1,5", float, "must be float, got '1,5'"),
        ([1, "x"], tuple[int, ...], "must be tuple"),
        ([1], tuple[int, int], "must be tuple"),
        ("bilinaer", Literal["nearest", "bilinear"], r"got 'bilinaer'; did you mean bilinear\?"),
    ],
)
def test_values_that_do_not_fit(value, annotation, reason):
    with pytest.raises(BlockArgumentError, match=reason):
        convert("Block argument 'key'", value, annotation)


@pytest.fixture
def third_party(tmp_path):
    """A throw-away distribution with one block behind the entry-point group, as ``pip install`` would leave it."""
    (tmp_path / "throwaway.py").write_text(
        "from torch import nn\n"
        "from yolo_fine import block\n"
        "@block(inputs=1, out='same', kind='refine')\n"
        "class ThrowAway(nn.Module):\n"
        "    def __init__(self, c1: int):\n"
        "        super().__init__()\n"
        "        self.norm = nn.BatchNorm2d(c1)\n"
        "    def forward(self, x):\n"
        "        return self.norm(x)\n"
    )
    info = tmp_path / "throwaway-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: throwaway\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[yolo_fine.blocks]\nthrowaway = throwaway\n")
    return tmp_path


def path_with(folder):
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))


def test_blocks_of_another_package(third_party, tiny_data):
    """The stock command trains a YAML that names them, with no import anywhere."""
    from yolo_fine.integration.model_files import packaged_files

    text = packaged_files("models")["yolo11-ema.yaml"].read_text().replace("EMA, []", "ThrowAway, []")
    (third_party / "yolo11n-mine.yaml").write_text(text)
    done = yolo(
        "train", "model=yolo11n-mine.yaml", f"data={tiny_data}", "epochs=1", "imgsz=64", "batch=4", "workers=0",
        "plots=False", "val=False", cwd=third_party, PYTHONPATH=path_with(third_party),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "throwaway.ThrowAway" in done.stdout + done.stderr


def test_a_broken_package_is_named_and_disturbs_nobody(third_party):
    code = "from ultralytics import YOLO; YOLO('yolo11n-ema.yaml'); print('built')"
    for broken in ("raise RuntimeError('half installed')", "import sys; sys.exit('half installed')"):
        (third_party / "throwaway.py").write_text(f"{broken}\n")
        (done,) = pythons([code], third_party, PYTHONPATH=path_with(third_party))
        assert done.stdout.endswith("built\n"), done.stderr
        assert "the blocks of 'throwaway' could not be loaded: half installed" in done.stderr
