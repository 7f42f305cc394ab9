# SPDX-License-Identifier: AGPL-3.0-or-later
"""The completion scripts, asked as their shells ask them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from yolo_fine.cli import main
from yolo_fine.cli.completion import PLACES, completion

ASK = {
    "bash": """source "$1"; COMP_LINE="$2"; COMP_POINT=${#COMP_LINE}; _yolo_fine 2> /dev/null
printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """compdef() { }; source "$1"
compadd() { [[ $1 == -S ]] && shift 2; shift; for one in "$@"; do [[ $one == $current* ]] && print -- $one; done }
compset() { current=${current#*=} }
_files() { print -l -- $current*(N) }
words=(${(z)2}); [[ $2 == *' ' ]] && words+=(''); CURRENT=$#words; _yolo_fine""",
    "fish": "source $argv[1]; complete -C $argv[2]",
}
CASES = [
    ("yolo-fine ev", {"eval"}, {"export"}),
    ("yolo-fine data ", {"visdrone", "coco", "check"}, {"eval"}),
    ("yolo-fine data check d", {"data="}, {"out=", "model="}),
    ("yolo-fine eval proto", {"protocol="}, {"model="}),
    ("yolo-fine eval protocol=v", {"visdrone"}, {"coco"}),
    ("yolo-fine eval model=mi", {"mine.pt"}, {"other.pt", "yolo11n-fine.yaml"}),
    ("yolo-fine blocks FI", {"FINE"}, {"EMA"}),
    ("yolo-fine lint yolo11n-fi", {"yolo11n-fine.yaml"}, {"yolo11n-ema.yaml"}),
    ("yolo-fine train model=yolo11n-fi", {"yolo11n-fine.yaml"}, {"yolo11n-ema.yaml"}),
    ("yolo-fine train imgs", {"imgsz="}, {"epochs="}),
    ("yolo-fine help ev", {"eval"}, {"export"}),
]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("completion")
    files = {shell: folder / f"script.{shell}" for shell in ASK}
    for shell, file in files.items():
        file.write_text(completion(shell).script)
    return files


@pytest.mark.parametrize("shell", ASK)
def test_words_that_fit_are_offered_and_no_others(shell, scripts, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "mine.pt").touch()
    (tmp_path / "other.pt").touch()
    for line, offered, not_offered in CASES:
        words = [shell, *(["-f"] if shell == "zsh" else []), "-c", ASK[shell], "ask"]
        words = [word for word in words if word != "ask" or shell != "fish"]
        done = subprocess.run([*words, scripts[shell], line], cwd=tmp_path, capture_output=True, text=True, check=False)
        shown = {word.split("=", 1)[-1] or word for word in (one.split("\t")[0] for one in done.stdout.splitlines())}
        assert offered <= shown, (line, done)
        assert not not_offered & shown, (line, done)


def test_it_is_installed_by_one_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["completion", "fish", "install=True"]) == 0
    file = tmp_path / PLACES["fish"]
    assert str(file) in capsys.readouterr().out
    assert "complete -c yolo-fine" in file.read_text()


def test_an_unknown_shell_is_named(capsys):
    assert main(["completion", "bsh"]) == 2
    assert "did you mean bash?" in capsys.readouterr().err
