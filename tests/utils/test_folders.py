# SPDX-License-Identifier: AGPL-3.0-or-later
"""Folders appear whole, never take what is another's, and an earlier result survives whatever happens."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from yolo_fine.errors import ArgumentError, MissingFileError
from yolo_fine.utils import folders
from yolo_fine.utils.folders import finished_folder, restore
from yolo_fine.utils.parts import OLD, hidden_name


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder."""
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def write(out: Path, text: str = "new", **how: bool) -> Path:
    """Write a folder with one file."""
    with finished_folder(out, **how) as folder:
        (folder.path / "eval.json").write_text(text)
    return folder.out


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_when_it_is_finished(tmp_path: Path, exists: bool) -> None:
    out = tmp_path / "out"
    if exists:
        out.mkdir()
    with finished_folder(out) as folder:
        (folder.path / "a.txt").write_text("a")
        assert exists or not out.exists()
    assert contents(tmp_path) == {"out/a.txt": "a"}


@pytest.mark.parametrize("replace", [False, True])
def test_a_failure_leaves_the_earlier_result(tmp_path: Path, replace: bool) -> None:
    out = tmp_path / "a" / "out"
    if replace:
        write(out, "earlier")

    def fail() -> None:
        with finished_folder(out, replace=replace) as folder:
            (folder.path / "eval.json").write_text("half")
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        fail()
    assert contents(tmp_path) == ({"a/out/eval.json": "earlier"} if replace else {})
    assert replace or not (tmp_path / "a").exists()


def test_what_is_there_is_not_replaced_without_being_asked(tmp_path: Path) -> None:
    out = write(tmp_path / "out", "earlier")
    with pytest.raises(ArgumentError, match="exists and is not empty; name a new or an empty folder"):
        write(out)
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="is a file"):
        write(tmp_path / "file")
    assert contents(out) == {"eval.json": "earlier"}


def test_who_comes_second_is_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ArgumentError, match="exists and is not empty"), finished_folder(out):
        write(out, "first")
    assert contents(tmp_path) == {"out/eval.json": "first"}


@pytest.mark.parametrize("how", [{"replace": True}, {"numbered": True}, {}])
def test_the_current_folder_is_never_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, bool]
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for out in (".", "..", tmp_path, "../a"):
        with pytest.raises(ArgumentError, match="is the current folder, or holds it; name another one"):
            write(Path(out), **how)
    assert contents(tmp_path) == {}


def test_a_folder_is_one_under_every_spelling(tmp_path: Path) -> None:
    out = write(tmp_path / "out", "earlier")
    (out / "notes.txt").write_text("mine")
    assert write(out / ".." / "out", replace=True) == out / ".." / "out"
    (tmp_path / "link").symlink_to(out)
    write(tmp_path / "link", "newer", replace=True)
    assert (tmp_path / "link").is_symlink()
    assert contents(out) == {"eval.json": "newer", "notes.txt": "mine"}
    assert write(tmp_path / "link", numbered=True) == tmp_path / "out2"


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ArgumentError, match="out is a file; name a new or an empty folder"):
        write(tmp_path / "out", replace=True)
    assert contents(tmp_path) == {"out": "mine"}


def test_replacing_keeps_files_of_other_names(tmp_path: Path) -> None:
    out = write(tmp_path / "out", "earlier")
    (out / "notes.txt").write_text("mine")
    (out / "plots").mkdir()
    (out / "plots" / "a.txt").write_text("mine too")
    write(out, replace=True)
    assert contents(tmp_path) == {"out/eval.json": "new", "out/notes.txt": "mine", "out/plots/a.txt": "mine too"}


def test_runs_at_one_time_get_a_number_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: write(tmp_path / "eval", str(n), numbered=True), range(24)))
    assert sorted({path.name for path in made}) == sorted(["eval", *(f"eval{n}" for n in range(2, 25))])
    assert [int((path / "eval.json").read_text()) for path in made] == list(range(24))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock")
@pytest.mark.parametrize("killed_after", ["the first renaming", "the second renaming"])
def test_a_kill_in_the_middle_of_an_exchange_loses_nothing(tmp_path: Path, killed_after: str) -> None:
    out = write(tmp_path / "out", "earlier")
    (out / "notes.txt").write_text("mine")
    out.rename(hidden_name(out, OLD))
    if killed_after == "the second renaming":
        out.mkdir()
        (out / "eval.json").write_text("new")
    restore(out)
    newest = "earlier" if killed_after == "the first renaming" else "new"
    assert contents(tmp_path) == {"out/eval.json": newest, "out/notes.txt": "mine"}


def test_another_run_does_not_undo_an_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = write(tmp_path / "out", "earlier")
    moved = folders._move_the_rest

    def while_another_starts(old: Path, new: Path) -> None:
        restore(out)
        moved(old, new)

    monkeypatch.setattr(folders, "_move_the_rest", while_another_starts)
    write(out, replace=True)
    assert contents(tmp_path) == {"out/eval.json": "new"}


def test_an_unwritable_place_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match=r"can't be written: .*file is a file, not a folder"):
        write(tmp_path / "file" / "out")
    shutil.rmtree(tmp_path)


def test_an_error_of_the_input_is_none_of_the_folder(tmp_path: Path) -> None:
    """Some of ours are an OSError too."""
    with pytest.raises(MissingFileError) as caught, finished_folder(tmp_path / "out"):
        raise MissingFileError("model=gone.pt does not exist")
    assert str(caught.value) == "model=gone.pt does not exist"
    assert not list(tmp_path.iterdir())
