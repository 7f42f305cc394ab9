# SPDX-License-Identifier: AGPL-3.0-or-later
"""Summarises VisDrone annotations: counts, class shares, log-normal sizes, shapes, ignored regions.

``python benchmarks/visdrone_summaries.py ARCHIVE_OR_FOLDER`` prints the packaged ``visdrone_statistics.json``.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yolo_fine.errors import DataError, YoloFineError
from yolo_fine.formats.visdrone_rows import NAMES, parse_annotations

SOURCE = "VisDrone2019-DET annotations, 'Vision Meets Drones: A Challenge', arXiv:1804.07437"
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
SMALL, MEDIUM = 32.0**2, 96.0**2  # COCO's limits of small and medium, square pixels


def summarize_split(tables: Sequence[np.ndarray], image_areas: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Summarise the annotations of one split.

    Args:
        tables: One (n, 8) integer array of VisDrone rows per image: x, y, width, height (pixels), score, category,
            truncation, occlusion. Category 0 is an ignored region, 1 to 10 are classes.
        image_areas: (images,) in square pixels, NaN where unknown.
        names: What the categories are called, from 0.
    """
    rows = np.concatenate(tables)
    image = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    category, width, height = rows[:, 5], rows[:, 2].astype(float), rows[:, 3].astype(float)
    box = (category >= 1) & (category <= 10) & (width > 0) & (height > 0)
    ignored = (category == 0) & (width > 0) & (height > 0)
    side = np.sqrt(width * height)
    relative = side / np.sqrt(image_areas)[image]
    area = width[box] * height[box]
    classes = {}
    for index, name in enumerate(names[1:11], 1):
        chosen = box & (category == index)
        if chosen.any():
            classes[name] = _describe(side[chosen], relative[chosen], width[chosen] / height[chosen])
            classes[name]["share"] = round(float(chosen.sum() / box.sum()), 5)
    return {
        "images": len(tables),
        "image_side_px": _quantiles(np.sqrt(image_areas)),
        "boxes": int(box.sum()),
        "boxes_per_image": _quantiles(np.bincount(image[box], minlength=len(tables))),
        "boxes_per_image_mean": round(float(box.sum() / len(tables)), 2),
        "share_by_area": {
            "small": round(float((area < SMALL).mean()), 4),
            "medium": round(float(((area >= SMALL) & (area < MEDIUM)).mean()), 4),
            "large": round(float((area >= MEDIUM).mean()), 4),
        },
        "all": _describe(side[box], relative[box], width[box] / height[box]),
        "classes": classes,
        "scale": _scale_between_images(image[box], category[box], np.log(side[box])),
        "ignored_per_image": _quantiles(np.bincount(image[ignored], minlength=len(tables))),
        "ignored_per_image_mean": round(float(ignored.sum() / len(tables)), 3),
        "images_with_ignored": round(float(np.unique(image[ignored]).size / len(tables)), 4),
        "ignored": _describe(side[ignored], relative[ignored], width[ignored] / height[ignored]),
    }


def _describe(side: np.ndarray, relative: np.ndarray, aspect: np.ndarray) -> dict[str, Any]:
    """Quantiles and log-normal parameters of sizes, and quantiles of width / height."""
    return {
        "side_px": _quantiles(side),
        "side_log_mean": round(float(np.log(side).mean()), 4),
        "side_log_std": round(float(np.log(side).std()), 4),
        "side_of_image": _quantiles(relative),
        "aspect": _quantiles(aspect),
    }


def _scale_between_images(image: np.ndarray, category: np.ndarray, log_side: np.ndarray) -> dict[str, float]:
    """Split the spread of sizes (class means removed) into flight height (between images) and the rest (within)."""
    means = np.bincount(category, log_side, minlength=11) / np.maximum(np.bincount(category, minlength=11), 1)
    residual = log_side - means[category]
    counts = np.maximum(np.bincount(image), 1)
    filled = np.bincount(image) > 0
    centre = np.bincount(image, residual) / counts
    within = residual - centre[image]
    correlation = np.corrcoef(centre[filled], np.log(counts[filled]))[0, 1] if filled.sum() > 2 else 0.0
    return {
        "between_log_std": round(float(centre[filled].std()), 4),
        "within_log_std": round(float(within.std()), 4),
        "correlation_with_log_count": round(float(correlation), 4),
    }


def _quantiles(values: np.ndarray) -> list[float]:
    """The module's ``QUANTILES`` of the finite values, rounded to four digits; empty when there are none."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    return [round(float(value), 4) for value in np.quantile(finite, QUANTILES)] if finite.size else []


def summarize_annotations(source: str | Path) -> dict[str, Any]:
    """Summarise VisDrone annotations.

    Args:
        source: A folder or a tar archive that holds ``.../annotations/NAME.txt``. Sizes relative to the image are
            given for every part that has a ``sizes.csv`` (``name,width,height`` in pixels) beside ``annotations/``.

    Returns:
        ``{"source": ..., "splits": {"train": {...}, "val": {...}}}``; a split is called after the folder above
        ``annotations/``. Box sizes are square roots of areas in pixels of the original image.

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
            tables.setdefault(split, []).append(table_of(text, str(path)))
            names.setdefault(split, []).append(path.stem)
    if not tables:
        raise DataError(f"{source}: no annotations/*.txt inside; give the unpacked VisDrone folder or its tar archive")
    splits = {}
    for split, rows in sorted(tables.items()):
        known = sizes.get(split, {})
        areas = [float(np.prod(known[name])) if name in known else float("nan") for name in names[split]]
        splits[split.rsplit("-", 1)[-1]] = summarize_split(rows, np.array(areas), NAMES)
    return {"source": SOURCE, "quantiles": list(QUANTILES), "splits": splits}


def table_of(text: str, place: str = "annotation") -> np.ndarray:
    """The rows of an annotation file, shape (rows, 8), int64."""
    return parse_annotations([text.encode()], [place]).values.astype(np.int64)


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
        print("usage: python benchmarks/visdrone_summaries.py ARCHIVE_OR_FOLDER", file=sys.stderr)
        return 2
    try:
        print(json.dumps(summarize_annotations(arguments[0]), indent=1))
    except YoloFineError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
