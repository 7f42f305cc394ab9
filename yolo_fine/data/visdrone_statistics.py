# SPDX-License-Identifier: AGPL-3.0-or-later
"""Summary statistics of VisDrone2019-DET annotations: how many objects, which, how small, and how many ignored regions.

The numbers that the procedural set follows lie beside this file in ``visdrone_statistics.json``. They were computed
from the annotation files of VisDrone2019-DET (Zhu et al., "Vision Meets Drones: A Challenge", arXiv:1804.07437); no
annotation row is kept. Anyone who has the annotations can compute them again::

    python -m yolo_fine.data.visdrone_statistics ARCHIVE_OR_FOLDER
"""

from __future__ import annotations

import csv
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.data.summaries import QUANTILES, summarize_split
from yolo_fine.errors import DataError, YoloFineError

NAMES = (
    *("ignored", "pedestrian", "people", "bicycle", "car", "van"),
    *("truck", "tricycle", "awning-tricycle", "bus", "motor", "others"),
)
SOURCE = "VisDrone2019-DET annotations, 'Vision Meets Drones: A Challenge', arXiv:1804.07437"
STATISTICS_FILE = Path(__file__).with_suffix(".json")


def load_statistics(split: str = "train") -> dict[str, Any]:
    """Return the packaged summary of one split, ``train`` or ``val``."""
    summary: dict[str, Any] = json.loads(STATISTICS_FILE.read_text(encoding="utf-8"))["splits"][split]
    return summary


def summarize_annotations(source: str | Path) -> dict[str, Any]:
    """Summarise VisDrone annotations.

    Args:
        source: A folder or a tar archive that holds ``.../annotations/NAME.txt``. Sizes relative to the picture are
            given for every part that has a ``sizes.csv`` (``name,width,height`` in pixels) beside ``annotations/``.

    Returns:
        ``{"source": ..., "splits": {"train": {...}, "val": {...}}}``; a split is called after the folder above
        ``annotations/``. Box sizes are square roots of areas in pixels of the original picture.

    Raises:
        DataError: ``source`` is missing, holds no annotations, or a line is malformed.
    """
    tables: dict[str, list[np.ndarray]] = {}
    sizes: dict[str, dict[str, tuple[int, int]]] = {}
    names: dict[str, list[str]] = {}
    for path, text in _read_texts(Path(source)):
        if path.name == "sizes.csv":
            table = csv.DictReader(io.StringIO(text))
            sizes[path.parent.name] = {row["name"]: (int(row["width"]), int(row["height"])) for row in table}
        elif path.parent.name == "annotations" and path.suffix == ".txt":
            split = path.parent.parent.name
            tables.setdefault(split, []).append(parse_rows(text, str(path)))
            names.setdefault(split, []).append(path.stem)
    if not tables:
        raise DataError(f"{source}: no annotations/*.txt inside; give the unpacked VisDrone folder or its tar archive")
    splits = {}
    for split, rows in sorted(tables.items()):
        known = sizes.get(split, {})
        areas = [float(np.prod(known[name])) if name in known else float("nan") for name in names[split]]
        splits[split.rsplit("-", 1)[-1]] = summarize_split(rows, np.array(areas), NAMES)
    return {"source": SOURCE, "quantiles": list(QUANTILES), "splits": splits}


def parse_rows(text: str, where: str = "annotation") -> np.ndarray:
    """Return the rows of one VisDrone annotation file as an (n, 8) integer array.

    Columns: x, y, width, height (pixels), score, category, truncation, occlusion. A trailing comma is accepted, as it
    occurs in the official files.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        fields = line.strip().rstrip(",").split(",")
        if len(fields) != 8:
            raise DataError(f"{where}, line {number}: 8 comma-separated numbers expected, got {line!r}")
        try:
            rows.append([int(field) for field in fields])
        except ValueError:
            raise DataError(f"{where}, line {number}: integers expected, got {line!r}") from None
    return np.array(rows, dtype=np.int64).reshape(-1, 8)


def _read_texts(source: Path) -> Iterator[tuple[Path, str]]:
    """Yield path and content of every ``.txt`` and ``.csv`` file of a folder or a tar archive, sorted by path."""
    if source.is_dir():
        for path in sorted([*source.rglob("*.txt"), *source.rglob("sizes.csv")]):
            yield path, path.read_text(encoding="utf-8")
        return
    if not source.is_file() or not tarfile.is_tarfile(source):
        raise DataError(f"{source}: neither a folder nor a tar archive with VisDrone annotations")
    with tarfile.open(source) as archive:
        for member in sorted(archive.getmembers(), key=lambda entry: entry.name):
            content = archive.extractfile(member) if member.name.endswith((".txt", ".csv")) else None
            if content is not None:
                yield Path(member.name), content.read().decode("utf-8")


def main(arguments: list[str]) -> int:
    """Print the summary of the given archive or folder as JSON; returns the exit status."""
    if len(arguments) != 1:
        print("usage: python -m yolo_fine.data.visdrone_statistics ARCHIVE_OR_FOLDER", file=sys.stderr)
        return 2
    try:
        print(json.dumps(summarize_annotations(arguments[0]), indent=1))
    except YoloFineError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
