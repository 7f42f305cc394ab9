# SPDX-License-Identifier: AGPL-3.0-or-later
"""Check this package on other releases: ``python scripts/check_upstream.py [VERSION ...] [floors]``.

Without words, on every release of Ultralytics that it is known to work with, on the newest, and once with the floors
of pyproject.toml: the oldest version of every dependency, all at once. Each is checked twice, by the assumptions of
``yolo-fine doctor`` and by the tests of everything that touches Ultralytics, export and evaluation included.

One environment suffices for the releases. Each release's wheel is downloaded and unpacked without its dependencies,
and put first on the path. Packages that only older releases need, and the older NumPy that those before 8.3.200 pin,
are put beside the wheel, not into the environment. The floors get an environment of their own. ``jobs=2`` checks two at
a time, ``tests=PATH,PATH`` runs other tests, and ``docs=FILE`` writes the table of results there, where rows that are
not named stay.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import tomllib

from yolo_fine.integration.versions import KNOWN_VERSIONS

ROOT = Path(__file__).resolve().parents[1]
TESTS = (
    "tests/integration", "tests/composer", "tests/linter", "tests/exporter", "tests/cli/test_export.py",
    "tests/evaluation/predict", "tests/evaluation/test_small_ap.py", "tests/evaluation/test_logging.py",
    "tests/explaining/test_explain.py",
)  # fmt: skip
DROPPED_LATER = ("pandas==2.2.3", "scipy==1.15.3", "seaborn", "tqdm", "py-cpuinfo", "pytz", "tzdata")
OLD_NUMPY = ("numpy==2.1.1",)
FLOORS = "floors"
FLOOR_EXTRAS = ("export", "timm")  # openvino and sahi pin a newer NumPy and OpenCV than the floors
TEST_TOOLS = ("pytest", "pytest-xdist", "hypothesis", "hatchling", "cloudpickle", "pycocotools", "pandas<3")
ASSUMPTIONS = """
from yolo_fine.assigning.assumptions import ASSIGNING
from yolo_fine.integration.assumptions import check_assumptions
checked = check_assumptions(ASSIGNING)
failed = [f"{assumption.statement}: {reason}" for assumption, reason in checked if reason]
print(*failed, f"HELD {len(checked) - len(failed)} of {len(checked)}", sep="\\n")
"""
HEADER = """# Ultralytics releases

yolo_fine depends on a few internals of Ultralytics. All of them are used in `yolo_fine/integration/` alone, and each
is written down as a check in `yolo_fine/integration/assumptions.py` (`yolo-fine doctor` runs them). The checks, and the
tests of everything that touches Ultralytics (models, weights, compose, lint, seed, export, evaluation), ran on these:

| Ultralytics | assumptions | passed | failed | skipped | seconds |
|---|---|---|---|---|---|
"""
FOOTER = """
`floors` is the oldest version of every dependency that pyproject.toml allows, all at once, on Python {python}.

Made by `python scripts/check_upstream.py docs=docs/upstream.md`. Skipped are the run on two GPUs, and tests of features
that a release does not have: restricted checkpoint loading before 8.4.100, and ONNX export before 8.3.253, which asks
for `onnxscript` with newer versions of PyTorch. YOLO26 models are tested from 8.4.0 on, which brought them.
"""


@dataclass(frozen=True)
class Surroundings:
    """What a check runs in: a Python, and folders that come first on its path."""

    python: str
    first: list[Path] = field(default_factory=list)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these words in the checkout."""
        path = os.pathsep.join(str(place) for place in [*self.first, ROOT])
        settings = {"OMP_NUM_THREADS": "1", "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
        with tempfile.TemporaryDirectory() as config:
            env = {**os.environ, **settings, "PYTHONPATH": path, "YOLO_CONFIG_DIR": config}
            return subprocess.run(
                [self.python, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
            )  # fmt: skip


def pip(*words: str, python: str = sys.executable) -> None:
    """Run pip for a Python."""
    command = [sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *words], check=True)


def unpack(version: str, folder: Path) -> Surroundings:
    """Unpack a release below ``folder``, with what it needs beside it."""
    pip("download", "--no-deps", "--dest", str(folder / "wheels"), f"ultralytics=={version}")
    (wheel,) = (folder / "wheels").glob(f"ultralytics-{version}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / version)
    beside = {"old-numpy": OLD_NUMPY} if tuple(map(int, version.split("."))) < (8, 3, 200) else {}
    beside["dropped-later"] = DROPPED_LATER
    for name, packages in beside.items():
        if not (folder / name).exists():
            pip("install", "--no-deps", "--target", str(folder / name), *packages)
    return Surroundings(sys.executable, [folder / version, *(folder / name for name in beside)])


def install_floors(folder: Path) -> Surroundings:
    """An environment with the oldest version of every dependency."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [project["optional-dependencies"][name] for name in FLOOR_EXTRAS]
    asked = [requirement for listed in (project["dependencies"], *extras) for requirement in listed]
    oldest: list[str] = [re.sub(r"^([\w.-]+)>=([\w.]+).*$", r"\1==\2", requirement) for requirement in asked]
    venv.create(folder / FLOORS, with_pip=False)
    python = str(folder / FLOORS / "bin" / "python")
    pip("install", *oldest, *TEST_TOOLS, python=python)
    pip("install", "--no-deps", "--editable", str(ROOT), python=python)
    return Surroundings(python)


def prepared(name: str, folder: Path) -> Surroundings | None:
    """What a release, or the floors, are checked in; None, and a word why, where pip can't install it."""
    try:
        return install_floors(folder) if name == FLOORS else unpack(name, folder)
    except subprocess.CalledProcessError as error:
        print(f"{name}: {shlex.join(error.cmd)} failed", file=sys.stderr)
        return None


def newest_release() -> str:
    """The newest release that pip finds."""
    command = [sys.executable, "-m", "pip", "index", "versions", "ultralytics"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.search(r"\(([\d.]+)\)", found).group(1)  # type: ignore[union-attr]


def check(name: str, surroundings: Surroundings, tests: tuple[str, ...]) -> tuple[str, bool]:
    """Check one release; returns its row of the table, and whether all is well."""
    started = time.monotonic()
    assumed = surroundings.run("-c", ASSUMPTIONS)
    held = re.search(r"HELD (\d+) of (\d+)", assumed.stdout)
    if held is None or held.group(1) != held.group(2):
        print(f"{name}: {(assumed.stdout + assumed.stderr)[-3000:]}", file=sys.stderr)
    done = surroundings.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    seconds = time.monotonic() - started
    counts = {kind: int(number) for number, kind in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout)}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    if done.returncode:
        print(f"{name}: {done.stdout[-6000:]}", file=sys.stderr)
    columns: tuple[object, ...] = (
        name, f"{held.group(1)} of {held.group(2)}" if held else "none", counts.get("passed", 0), failed,
        counts.get("skipped", 0), f"{seconds:.0f}",
    )  # fmt: skip
    well = held is not None and held.group(1) == held.group(2) and done.returncode == 0
    return f"| {' | '.join(map(str, columns))} |", well


def write_page(file: Path, rows: dict[str, str]) -> None:
    """Write the table; rows of releases that were not checked this time stay as they are."""
    written = file.read_text(encoding="utf-8") if file.exists() else ""
    kept = {line.split()[1]: line for line in written.splitlines() if re.match(r"\| (\d+\.\d+\.\d+|floors) \|", line)}
    known = {name: row for name, row in kept.items() if row.count("|") == HEADER.splitlines()[-1].count("|")} | rows
    ordered = sorted(known, key=lambda name: (name == FLOORS, [int(part) for part in re.findall(r"\d+", name)]))
    table = "\n".join(known[name] for name in ordered)
    python = ".".join(map(str, sys.version_info[:2]))
    file.write_text(HEADER + table + "\n" + FOOTER.format(python=python), encoding="utf-8")


def main() -> int:
    """Check each release named, or all. 1 if an assumption or a test failed."""
    settings = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    names = [word for word in sys.argv[1:] if "=" not in word]
    names = names or list(dict.fromkeys([*KNOWN_VERSIONS, newest_release(), FLOORS]))
    tests = tuple(settings["tests"].split(",")) if "tests" in settings else TESTS
    rows, well = {}, True
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(int(settings.get("jobs", 1))) as pool:
        places = {name: place for name in names if (place := prepared(name, Path(folder)))}
        well &= len(places) == len(names)
        checks = pool.map(check, places, places.values(), [tests] * len(places))
        for name, (row, passed) in zip(places, checks, strict=True):
            rows[name] = row
            well &= passed
            print(row, flush=True)
            if "docs" in settings:
                write_page(Path(settings["docs"]), rows)
    return 0 if well else 1


if __name__ == "__main__":
    if {"--help", "-h"} & set(sys.argv):
        sys.exit(print(__doc__))
    sys.exit(main())
