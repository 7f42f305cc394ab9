# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files are written whole or not at all, and what a killed writer left is removed by the next one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from yolo_fine.errors import ArgumentError
from yolo_fine.utils import parts
from yolo_fine.utils.files import finished_file, write_json, write_text
from yolo_fine.utils.parts import lock, open_part, take_leftovers

WRITER = """
import sys, time
from pathlib import Path
from yolo_fine.utils.files import finished_file
with finished_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def start_writer(file: Path) -> subprocess.Popen[str]:
    """A process that has written half of a file."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def test_a_file_is_written_with_its_folders_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "result.json"
    write_json(file, {"AP": 0.5})
    assert file.read_text() == '{\n  "AP": 0.5\n}\n'
    assert [path.name for path in file.parent.iterdir()] == ["result.json"]
    assert file.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_lines_end_as_in_the_text(tmp_path: Path) -> None:
    write_text(tmp_path / "rows.txt", "a\r\nb\n")
    assert (tmp_path / "rows.txt").read_bytes() == b"a\r\nb\n"


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()])
def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "result.txt"
    file.write_text("earlier")

    def fail() -> None:
        with finished_file(file) as part:
            part.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"result.txt": "earlier"}


def test_a_full_disk_is_one_message_and_leaves_no_folder(tmp_path: Path) -> None:
    def fill_the_disk() -> None:
        with finished_file(tmp_path / "new" / "result.txt"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ArgumentError, match=r"result\.txt can't be written: the disk is full"):
        fill_the_disk()
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ArgumentError, match=r"can't be written: .*taken is a file, not a folder"):
        write_text(tmp_path / "taken" / "result.txt", "")
    with pytest.raises(ArgumentError, match="can't be written: Is a directory"):
        write_text(tmp_path, "")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_an_error_of_another_file_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-image"), finished_file(tmp_path / "result.txt"):
        Path("/no-such-folder/no-such-image.jpg").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock: nothing is removed there")
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    file = tmp_path / "result.txt"
    file.write_text("earlier")
    process = start_writer(file)
    assert not list(take_leftovers(file))  # it lives
    write_text(file, "mine")  # and is not disturbed
    assert len(list(tmp_path.iterdir())) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert file.read_text() == "mine"
    assert len(list(take_leftovers(file))) == 1
    write_text(file, "after the kill")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"result.txt": "after the kill"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock: nothing is removed there")
def test_a_leftover_is_held_until_it_is_gone(tmp_path: Path) -> None:
    """Else its name may be that of a part just made by another writer, who would lose it."""
    (tmp_path / ".result.txt.part-1a2b3c4d.txt").touch()
    for part in take_leftovers(tmp_path / "result.txt"):
        assert lock(part) is None
        part.unlink()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock: nothing is removed there")
def test_what_got_its_name_meanwhile_is_no_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / ".result.txt.part-1a2b3c4d.txt"
    part.touch()

    def lock_late(path: Path) -> int | None:
        held = lock(path)
        part.rename(tmp_path / "result.txt")
        return held

    monkeypatch.setattr(parts, "lock", lock_late)
    assert not list(take_leftovers(tmp_path / "result.txt"))
    assert (tmp_path / "result.txt").exists()


def test_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "best.pt"
    with open_part(file) as one, open_part(file) as other:
        assert one != other
        assert one.exists()
        assert one.suffix == ".pt"  # writers choose the format by it
    assert list(tmp_path.iterdir()) == []
