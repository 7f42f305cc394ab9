# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where a conversion goes: whether it is there already, and whether the disk has room for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo_fine.errors import DataError
from yolo_fine.utils.files import read_json, write_json
from yolo_fine.utils.folders import is_free
from yolo_fine.utils.paths import StrPath

SPARE_BYTES = 64 * 2**20  # left free on the disk


def places(source: StrPath, out: StrPath | None) -> tuple[Path, Path]:
    """Source and result folder as absolute paths; without ``out`` it is ``SOURCE-yolo`` beside the source."""
    absolute = Path(source).expanduser().resolve()  # shells leave source=~/DIR as it is
    if out is not None:
        return absolute, Path(out).expanduser().resolve()
    return absolute, absolute.with_name(f"{absolute.stem if absolute.is_file() else absolute.name}-yolo")


def read_record(out: Path, file: str, fingerprints: Mapping[str, str]) -> dict[str, Any] | None:
    """The record of a finished conversion.

    Args:
        out: Its folder.
        file: Its record there; under ``splits`` each has the ``fingerprint`` of its annotations.
        fingerprints: What they have to be.

    Returns:
        The record, None if there is nothing yet.

    Raises:
        DataError: ``out`` holds something else, another conversion, or files of it are missing.
    """
    if is_free(out):
        return None
    if not (out / file).is_file():
        raise DataError(f"out={out} exists and is no such conversion (it has no {file}); give another out=DIR")
    record = read_json(out / file, f"delete {out} and convert again")
    try:
        stored = {name: split["fingerprint"] for name, split in record["splits"].items()}
        files = int(record["files"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{out / file} is damaged ({error}); delete {out} and convert again") from error
    if stored != fingerprints:
        raise DataError(
            f"out={out} holds another conversion ({', '.join(stored)} of other annotations or splits); "
            "delete it or give another out=DIR"
        )
    if count_files(out) < files:
        raise DataError(f"{out} holds {count_files(out)} files instead of {files}; delete it and convert again")
    return record


def write_record(file: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Write the record of a conversion into its folder, with the number of files there, as the last of them."""
    record = {**record, "files": count_files(file.parent) + 1}
    write_json(file, record)
    return record


def count_files(folder: Path) -> int:
    """Number of files in a folder and below."""
    return sum(len(files) for _, _, files in os.walk(folder))


def far_boxes(count: int) -> str:
    """A sentence on the boxes that :func:`yolo_fine.formats.yolo_labels.clip_far_boxes` changed."""
    return (
        f"{count} box{'es' * (count != 1)} far beyond the edge cut to the image, or left out: Ultralytics would drop "
        "the whole image, as it does where the centre of a label is beyond 1.01"
    )


def check_space(out: Path, needed: int) -> None:
    """Check that the disk has room for ``needed`` bytes.

    Raises:
        DataError: It hasn't.
    """
    free = shutil.disk_usage(existing_parent(out)).free
    if needed + SPARE_BYTES > free:
        raise DataError(
            f"{out} needs {(needed + SPARE_BYTES) / 1e9:.1f} GB on the disk, {free / 1e9:.1f} GB are free; "
            "give an out=DIR on another disk (on that of an unpacked download, images are linked and take no space)"
        )


def existing_parent(path: Path) -> Path:
    """The nearest folder above ``path`` that exists."""
    return next(folder for folder in path.resolve().parents if folder.is_dir())
