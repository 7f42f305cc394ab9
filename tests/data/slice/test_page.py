# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/slicing.md: its commands and its Python run as written (on small images), its tables name every argument."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import yolo_fine
from tests.fixtures.visdrone_dataset import Dataset
from yolo_fine.cli import main
from yolo_fine.integration.commands import check_arguments
from yolo_fine.utils.calls import parameters_of

pytest.importorskip("sahi", reason="SAHI is the optional extra 'sliced'")
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "slicing.md").read_text(encoding="utf-8")


@pytest.fixture
def here(
    dataset: Dataset, checkpoint: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A working folder with what the page speaks of."""
    folder = tmp_path_factory.mktemp("here")
    shutil.copy(dataset.yaml, folder / "VisDrone.yaml")
    (folder / "images").symlink_to(dataset.root / "images" / "val")
    shutil.copy(checkpoint, folder / "best.pt")
    monkeypatch.chdir(folder)
    return folder


def code(language: str) -> str:
    """What the page shows, for images of a tenth the size."""
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)).replace("640", "64")


def test_the_commands_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.partition("#")[0].split() for line in code("bash").splitlines()]
    assert [words[:2] for words in lines] == [
        ["yolo-fine", "data"], ["yolo", "train"], ["yolo-fine", "eval"], ["yolo-fine", "predict"]
    ]  # fmt: skip
    for words in lines:
        if words[0] == "yolo-fine":
            few = {
                "eval": ["resamples=20", "device=cpu", "max_det=50"],
                "predict": ["device=cpu", "conf=0", "max_det=20", f"project={here}"],
            }
            assert main([*words[1:], *few.get(words[1], [])]) == 0, words
        else:
            check_arguments(dict(word.split("=") for word in words[2:]))
    assert (here / "VisDrone-64" / "data.yaml").is_file()
    printed = capsys.readouterr().out
    assert re.search(r"^COCO AP_small .*(within|beyond) noise$", printed, re.MULTILINE)
    assert len(list(here.glob("predict/labels/*.txt"))) == 5


def test_the_python_runs(here: Path) -> None:
    found: dict[str, object] = {}
    exec(code("python"), found)
    assert found["result"].slicing["coco"]["AP_small"]["low"] is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize(("title", "function"), [("## 1.", "slice_dataset"), ("## 2.", "predict")])
def test_every_argument_is_documented(title: str, function: str) -> None:
    section = PAGE[PAGE.index(title) :]
    section = section[: section.index("\n## ")]
    table = {
        name for line in section.splitlines() if line.startswith("| `") for name in line.split("|")[1].split("`")[1::2]
    }
    known = set(parameters_of(getattr(yolo_fine, function)))
    assert table <= known
    assert known <= table | set(re.findall(r"`(\w+)[`=]", section)) | {"model", "source", "device", "half"}
