# SPDX-License-Identifier: AGPL-3.0-or-later
"""Run the integration tests on other releases of Ultralytics: ``python scripts/check_upstream.py [VERSION ...]``.

One environment suffices. Each release's wheel is downloaded and unpacked without its dependencies, and put first on the
path of a pytest run. Packages that only older releases need, and the older NumPy that those before 8.3.200 pin, are put
beside the wheel, not into the environment. ``jobs=2`` checks two releases at a time; ``docs=FILE`` writes the table of
results there, where the rows of releases that are not named stay.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from yolo_fine.integration.versions import KNOWN_VERSIONS

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("tests/integration", "tests/surgery")
DROPPED_LATER = ("pandas==2.2.3", "scipy==1.15.3", "seaborn", "tqdm", "py-cpuinfo", "pytz", "tzdata")
OLD_NUMPY = ("numpy==2.1.1",)
HEADER = """# Ultralytics releases

yolo_fine depends on a few internals of Ultralytics, each written down as a check in
`yolo_fine/integration/assumptions.py` (`yolo-fine doctor` runs them). The tests of the integration and of compose, lint
and seed ran on these releases:

| Ultralytics | passed | failed | skipped | seconds |
|---|---|---|---|---|
"""
FOOTER = """
Made by `python scripts/check_upstream.py [VERSION ...] docs=docs/upstream.md`. Skipped are the run on two GPUs, and
tests of features that a release does not have: restricted checkpoint loading before 8.4.100, and ONNX export before
8.3.253, which asks for `onnxscript` with this PyTorch. YOLO26 models are tested from 8.4.0 on, which brought them.
"""


def pip(*words: str) -> None:
    """Run pip in this environment."""
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words], check=True)


def unpack(version: str, folder: Path) -> list[Path]:
    """Unpack a release below ``folder`` and return what must come first on the path."""
    pip("download", "--no-deps", "--dest", str(folder / "wheels"), f"ultralytics=={version}")
    (wheel,) = (folder / "wheels").glob(f"ultralytics-{version}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / version)
    beside = {"old-numpy": OLD_NUMPY} if tuple(map(int, version.split("."))) < (8, 3, 200) else {}
    beside["dropped-later"] = DROPPED_LATER
    for name, packages in beside.items():
        if not (folder / name).exists():
            pip("install", "--no-deps", "--target", str(folder / name), *packages)
    return [folder / version, *(folder / name for name in beside)]


def check(version: str, places: list[Path]) -> tuple[str, bool]:
    """Run the tests on one release, found at ``places``; returns its row of the table, and whether all passed."""
    path = os.pathsep.join(str(place) for place in [*places, ROOT])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "YOLO_FINE_ALL": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    counts = {kind: int(number) for number, kind in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout)}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    if done.returncode:
        print(done.stdout[-6000:], file=sys.stderr)
    row = f"| {version} | {counts.get('passed', 0)} | {failed} | {counts.get('skipped', 0)} | {seconds:.0f} |"
    return row, done.returncode == 0


def write_page(file: Path, rows: dict[str, str]) -> None:
    """Write the table; rows of releases that were not checked this time stay as they are."""
    written = file.read_text(encoding="utf-8") if file.exists() else ""
    known = {line.split()[1]: line for line in written.splitlines() if re.match(r"\| \d+\.\d+\.\d+ \|", line)} | rows
    ordered = sorted(known, key=lambda version: tuple(map(int, version.split("."))))
    table = "\n".join(known[version] for version in ordered)
    file.write_text(HEADER + table + "\n" + FOOTER, encoding="utf-8")


def main() -> int:
    """Check each version named, or every one that the package is known to work with. 1 if any test failed."""
    settings = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    versions = [word for word in sys.argv[1:] if "=" not in word] or list(KNOWN_VERSIONS)
    rows, well = [], True
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(int(settings.get("jobs", 1))) as pool:
        places = [unpack(version, Path(folder)) for version in versions]
        for row, passed in pool.map(check, versions, places):
            rows.append(row)
            well &= passed
            print(row, flush=True)
    if "docs" in settings:
        write_page(Path(settings["docs"]), dict(zip(versions, rows, strict=True)))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
