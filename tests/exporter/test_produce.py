# SPDX-License-Identifier: AGPL-3.0-or-later
"""The scratch folder of an export: gone at the end, and a full disk is one message."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from yolo_fine.errors import ArgumentError, MissingFileError
from yolo_fine.exporter.produce import scratch_in


def export_that_raises(place: Path, error: OSError) -> None:
    with scratch_in(place, "the file comes there") as folder:
        (folder / "half").write_bytes(b"x")
        error.filename = error.filename or str(folder / "best.onnx")
        raise error


def test_a_disk_that_becomes_full_is_one_message_and_leaves_nothing(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ArgumentError, match="can't be written, and the file comes there: the disk is full"):
        export_that_raises(tmp_path, full)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [MissingFileError("gone.pt does not exist"), OSError(errno.EIO, "bad", "/other/x")])
def test_an_error_of_something_else_stays_what_it_is(error: OSError, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as caught:
        export_that_raises(tmp_path, error)
    assert caught.value is error
    assert not list(tmp_path.iterdir())
