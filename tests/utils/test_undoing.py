# SPDX-License-Identifier: AGPL-3.0-or-later
"""What another library wrote is removed where it can't be written whole, and nothing else is."""

from __future__ import annotations

import errno

import pytest

from yolo_fine.errors import UnwritableError
from yolo_fine.utils.undoing import check_room, check_whole, undone_if_unwritable

FULL = OSError(errno.ENOSPC, "No space left on device")


def write(folder, error):
    with undone_if_unwritable(folder):
        (folder / "labels").mkdir(parents=True, exist_ok=True)
        (folder / "labels" / "new.txt").write_text("0")
        raise error


def make_folder_and_fail(folder):
    folder.mkdir(parents=True)
    open("/elsewhere.jpg")  # noqa: SIM115 - it fails


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("error", [FULL, UnwritableError("b.json can't be written: the disk is full")])
def test_a_new_folder_goes_with_the_folders_above_it(tmp_path, error):
    with pytest.raises(UnwritableError, match="can't be written: the disk is full"):
        write(tmp_path / "a" / "b" / "run", error)
    assert names(tmp_path) == []


def test_earlier_files_stay(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "old.txt").touch()
    with pytest.raises(UnwritableError):
        write(tmp_path, FULL)
    assert names(tmp_path) == ["labels", "old.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError(), OSError("image file is truncated"),
                                   OSError(errno.EIO, "Input/output error", "/elsewhere/source.mp4")])  # fmt: skip
def test_what_is_written_until_something_else_goes_wrong_stays(tmp_path, error):
    with pytest.raises(type(error)):
        write(tmp_path / "run", error)
    assert names(tmp_path) == ["labels", "new.txt", "run"]


def test_an_empty_folder_does_not_stay(tmp_path):
    run = tmp_path / "a" / "run"
    with pytest.raises(FileNotFoundError, match=r"elsewhere.jpg"), undone_if_unwritable(run):
        make_folder_and_fail(run)
    assert names(tmp_path) == []


def test_images_that_are_cut_off(tmp_path):
    check_room(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8")
    for name in ("a.jpg", "missing.jpg"):
        with pytest.raises(UnwritableError, match=f"{name} can't be written whole"):
            check_whole(tmp_path / name)
    assert names(tmp_path) == ["a.jpg"]
