# SPDX-License-Identifier: AGPL-3.0-or-later
from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def release(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import check_release

    yield check_release
    sys.modules.pop("check_release", None)


def complete(release, kind):
    if kind == "sdist":
        return [*release.SDIST_HOLDS, *(f"{folder}/file" for folder in release.SDIST_FOLDERS)]
    models = [file.relative_to(ROOT).as_posix() for file in (ROOT / "cfg").rglob("*.yaml")]
    return [*release.WHEEL_HOLDS, *(f"yolo_fine/{name}" for name in models)]


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_a_complete_package_has_no_problems(release, kind):
    assert release.problems_of(kind, complete(release, kind), 1000) == []


@pytest.mark.parametrize(
    ("kind", "added", "size", "said"),
    [
        ("sdist", "scripts/best.pt", 1000, "sdist: scripts/best.pt must not be published"),
        ("sdist", "runs/demo/demo.json", 1000, "sdist: runs/demo/demo.json must not be published"),
        ("wheel", "tests/test_x.py", 1000, "wheel: tests/test_x.py does not belong there"),
        ("wheel", "yolo_fine/__pycache__/x.py", 1000, "wheel: yolo_fine/__pycache__/x.py must not be published"),
        ("wheel", None, 9e6, "wheel: 9.0 MB, more than 3 MB"),
    ],
)
def test_what_does_not_belong_there_is_named(release, kind, added, size, said):
    names = [*complete(release, kind), *([added] if added else [])]
    assert said in release.problems_of(kind, names, size)


@pytest.mark.parametrize(("kind", "gone"), [("sdist", "LICENSE"), ("wheel", "yolo_fine.pth")])
def test_what_is_missing_is_named(release, kind, gone):
    names = [name for name in complete(release, kind) if name != gone]
    assert release.problems_of(kind, names, 1000) == [f"{kind}: {gone} is missing"]


def test_names_in_both_kinds_of_packages(release, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
        archive.write(tmp_path / "a.txt", "pkg/a.txt")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.txt", "x-0.1/pkg/a.txt")
    assert release.names_in(tmp_path / "x.whl") == ["pkg/a.txt"]
    assert release.names_in(tmp_path / "x.tar.gz") == ["pkg/a.txt"]


def test_the_image_copies_what_the_package_is_built_of():
    text = (ROOT / "Dockerfile").read_text()
    copied = {word for line in text.splitlines() if line.startswith("COPY") for word in line.split()[1:-1]}
    assert {"pyproject.toml", "README.md", "LICENSE", "startup", "cfg", "yolo_fine"} <= copied
    assert all((ROOT / name).exists() for name in copied)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == copied
