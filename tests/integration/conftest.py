# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of the stock command that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import FAST, yolo


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """Run folder of ``yolo train model=yolo11n-fine.yaml``, by the stock command in a fresh process."""
    folder = tmp_path_factory.mktemp("trained")
    done = yolo(
        "train", "model=yolo11n-fine.yaml", f"data={tiny_data}", "epochs=1", *FAST, f"project={folder}", "name=run",
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return folder / "run"
