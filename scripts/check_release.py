# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks what a release would publish: ``python scripts/check_release.py [dist=DIR]``.

Builds the source package and the wheel (or takes those in ``dist``), lets twine judge their metadata, and looks into
both: what must be there, what must not, how large they are, and whether a wheel built from the source package holds
the same files. Needs ``pip install -e ".[release]"``. Exit code 1 if anything is wrong.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SDIST_HOLDS = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "PKG-INFO")
SDIST_FOLDERS = ("yolo_fine", "cfg", "startup", "scripts", "tests", "docs", "benchmarks", "examples")
WHEEL_HOLDS = ("yolo_fine/__init__.py", "yolo_fine/py.typed", "yolo_fine.pth", "yolo_fine.start", "_yolo_fine_start.py")
FORBIDDEN = (".pt", ".onnx", ".pyc", ".cache", ".engine", ".env")
FORBIDDEN_FOLDERS = ("runs", ".git", ".ci", "site", "__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache")
LARGEST = {"sdist": 25e6, "wheel": 3e6}  # bytes


def problems_of(kind: str, names: Iterable[str], size: int) -> list[str]:
    """What is wrong with the files of a package.

    Args:
        kind: ``sdist`` or ``wheel``.
        names: Paths in it, those of an sdist below its folder.
        size: Bytes of the package.
    """
    names = set(names)
    found = []
    wanted = SDIST_HOLDS if kind == "sdist" else WHEEL_HOLDS
    found += [f"{kind}: {name} is missing" for name in wanted if name not in names]
    if kind == "sdist":
        tops = {name.split("/")[0] for name in names}
        found += [f"sdist: the folder {folder} is missing" for folder in SDIST_FOLDERS if folder not in tops]
    else:
        models = [file.relative_to(ROOT).as_posix() for file in (ROOT / "cfg").rglob("*.yaml")]
        found += [f"wheel: yolo_fine/{name} is missing" for name in models if f"yolo_fine/{name}" not in names]
        found += [f"wheel: {name} does not belong there" for name in names if name.split("/")[0] in SDIST_FOLDERS[2:]]
    for name in sorted(names):
        if name.endswith(FORBIDDEN) or set(name.split("/")[:-1]) & set(FORBIDDEN_FOLDERS):
            found.append(f"{kind}: {name} must not be published")
    if size > LARGEST[kind]:
        found.append(f"{kind}: {size / 1e6:.1f} MB, more than {LARGEST[kind] / 1e6:.0f} MB")
    return found


def names_in(package: Path) -> list[str]:
    """Paths of the files in a package."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            return [name for name in archive.namelist() if not name.endswith("/")]
    with tarfile.open(package) as archive:
        return [member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()]


def build(source: Path, out: Path, *kinds: str) -> None:
    """Build packages of a source folder."""
    words = [word for kind in kinds for word in ("-t", kind)]
    subprocess.run([sys.executable, "-m", "hatchling", "build", *words, "-d", str(out)], cwd=source, check=True)


def main() -> int:
    """Check both packages."""
    words = dict(word.split("=", 1) for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as place:
        dist = Path(words["dist"]) if "dist" in words else Path(place) / "dist"
        if "dist" not in words:
            build(ROOT, dist, "sdist", "wheel")
        (sdist,), (wheel,) = list(dist.glob("*.tar.gz")), list(dist.glob("*.whl"))
        found = problems_of("sdist", names_in(sdist), sdist.stat().st_size)
        found += problems_of("wheel", names_in(wheel), wheel.stat().st_size)
        with tarfile.open(sdist) as archive:
            archive.extractall(Path(place) / "unpacked", filter="data")
        (source,) = (Path(place) / "unpacked").iterdir()
        build(source, Path(place) / "again", "wheel")
        (again,) = (Path(place) / "again").glob("*.whl")
        different = set(names_in(wheel)) ^ set(names_in(again))
        found += [
            f"{name}: not in both wheels, of the checkout and of the source package" for name in sorted(different)
        ]
        judged = subprocess.run(
            [sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if judged.returncode:
            found.append(f"twine: {judged.stdout}{judged.stderr}".strip())
        for package in (sdist, wheel):
            print(f"{package.name}: {len(names_in(package))} files, {package.stat().st_size / 1e6:.2f} MB")
    print("\n".join(found) or "all well")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
