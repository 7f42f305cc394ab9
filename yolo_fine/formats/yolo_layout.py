# SPDX-License-Identifier: AGPL-3.0-or-later
"""Is a detection dataset complete enough to train on? Stock Ultralytics trains on images without any label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolo_fine.errors import DataError

IMAGES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def check_labels(data: str, splits: Sequence[str] = ("train", "val")) -> dict[str, int]:
    """Check that each split of a dataset YAML has images with labels.

    Args:
        data: Dataset YAML, as Ultralytics takes it (a path or a bare name). Its ``download:`` step may run.
        splits: The splits that are needed.

    Returns:
        Number of images with a label file that is not empty, by split.

    Raises:
        DataError: The YAML is wrong, a split is missing, or none of its images has a label.
    """
    from ultralytics.data.utils import check_det_dataset

    try:
        dataset = check_det_dataset(data)
    except Exception as error:  # stock raises several kinds for one condition: this dataset can't be used
        raise DataError(f"data={data}: {error}") from error
    return {split: _count_labelled(data, split, dataset.get(split)) for split in splits}


def _count_labelled(data: str, split: str, entries: str | Sequence[str] | None) -> int:
    if not entries:
        raise DataError(f"data={data}: the YAML names no '{split}' images")
    images = [image for entry in ([entries] if isinstance(entries, str) else entries) for image in _list(entry)]
    if not images:
        raise DataError(f"data={data}: no images found for '{split}' in {entries}")
    labelled = sum(_has_labels(label_file(image)) for image in images)
    if not labelled:
        raise DataError(
            f"data={data}: none of the {len(images)} images of '{split}' has a label file; "
            f"for {images[0]} it is looked for at {label_file(images[0])}"
        )
    return labelled


def label_file(image: Path) -> Path:
    """Where Ultralytics looks for an image's labels: the last ``images`` folder of its path becomes ``labels``."""
    parts = list(image.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _list(entry: str) -> list[Path]:
    """Images of a folder, or of a text file that lists them."""
    path = Path(entry)
    if path.is_file():
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [path.parent / line if line.startswith("./") else Path(line) for line in lines]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGES)


def _has_labels(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
