# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import pytest

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.resumable import resumable_folder


def begin(out, key, error=None):
    with resumable_folder(out, key) as folder:
        (folder.path / "half").write_text("half")
        if error is not None:
            raise error("stopped")


def stop(out, key, error=KeyboardInterrupt):
    with pytest.raises(error):
        begin(out, key, error)


def test_what_was_done_is_there_again_after_a_stop_and_not_after_an_error(tmp_path):
    out = tmp_path / "a" / "out"
    stop(out, "one")
    assert not out.exists()
    with resumable_folder(out, "one") as folder:
        assert (folder.path / "half").read_text() == "half"
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["out"]
    assert (out / "half").exists()
    stop(tmp_path / "b" / "out", "one", ValueError)
    assert not (tmp_path / "b").exists()


def test_other_work_is_not_taken_up_but_removed(tmp_path):
    stop(tmp_path / "out", "one")
    with resumable_folder(tmp_path / "out", "two") as folder:
        assert list(folder.path.iterdir()) == []
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_one_process_at_a_time_and_no_folder_is_replaced(tmp_path):
    out = tmp_path / "out"
    with resumable_folder(out, "one"), pytest.raises(ArgumentError, match="being made by another process"):
        begin(out, "one")
    (out / "file").write_text("mine")
    with pytest.raises(ArgumentError, match="exists and is not empty"):
        begin(out, "one")
    assert [file.name for file in out.iterdir()] == ["file"]
