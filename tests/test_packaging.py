# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the wheel carries, and that this (editable) installation carries the same start-up files."""

from __future__ import annotations

import importlib.metadata
import sys
import zipfile
from pathlib import Path

import pytest

from tests.commands import run

ROOT = Path(__file__).resolve().parents[1]
START_UP = {"yolo_fine.pth", "yolo_fine.start", "_yolo_fine_start.py"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_carries_yamls_and_start_up_files(wheel):
    names = set(wheel.namelist())
    assert names >= START_UP
    for file in (ROOT / "cfg").rglob("*.yaml"):
        assert f"yolo_fine/{file.relative_to(ROOT).as_posix()}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "yolo_fine/py.typed" in names
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"yolo_fine", *START_UP}


def test_the_installed_distribution_has_its_start_up_files():
    files = {str(file) for file in importlib.metadata.files("yolo-fine") or []}
    assert files >= START_UP


def test_versions_agree(wheel):
    import yolo_fine

    assert importlib.metadata.version("yolo-fine") == yolo_fine.__version__
    assert f"version: {yolo_fine.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f"[{yolo_fine.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_docs_speak_of_the_tested_versions():
    from yolo_fine.integration.versions import KNOWN_VERSIONS

    table = (ROOT / "docs" / "upstream.md").read_text()
    for version in KNOWN_VERSIONS:
        assert f"| {version} |" in table


def test_the_page_of_models_holds_every_model_as_measured():
    from yolo_fine.costs.model_costs import ModelCost, ModelCosts, measure
    from yolo_fine.integration.model_files import packaged_files
    from yolo_fine.utils.tables import Table

    page = (ROOT / "docs" / "models.md").read_text()
    for name in packaged_files("models"):
        family, variant = name.split("-", 1)
        assert all(f"| {family}{scale}-{variant} |" in page for scale in "nsmlx")
    cost = ModelCost("yolov8n-fine.yaml", "yolov8n.yaml", *measure("yolov8n-fine.yaml"), *measure("yolov8n.yaml"))
    assert Table(ModelCosts([cost]).table()).to_markdown().splitlines()[-1] in page
