# SPDX-License-Identifier: AGPL-3.0-or-later
"""A training's last.pt is the new one or the one before, never half of one."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from yolo_fine.integration import whole_checkpoints
from yolo_fine.integration.whole_checkpoints import write_checkpoints_whole


@pytest.fixture
def trainer(tmp_path):
    found = SimpleNamespace(last=tmp_path / "last.pt", best=tmp_path / "best.pt")
    write_checkpoints_whole(found)
    return found


def test_a_checkpoint_is_written_beside_and_renamed(trainer, tmp_path, monkeypatch):
    assert trainer.last.write_bytes(b"epoch 1") == 7
    seen = []

    def look(part, place):
        seen.append((Path(part).read_bytes(), Path(place).read_bytes()))
        Path(part).rename(place)

    monkeypatch.setattr(whole_checkpoints.os, "replace", look)
    trainer.last.write_bytes(b"epoch 2")
    assert seen == [(b"epoch 2", b"epoch 1")]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"last.pt": b"epoch 2"}


def test_what_is_cut_off_leaves_the_one_before(trainer, tmp_path, monkeypatch):
    trainer.best.write_bytes(b"epoch 1")

    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        trainer.best.write_bytes(b"epoch 2")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"best.pt": b"epoch 1"}


def test_trainers_have_such_paths():
    from ultralytics.utils.callbacks.base import default_callbacks

    assert write_checkpoints_whole in default_callbacks["on_train_start"]
