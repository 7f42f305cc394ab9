# SPDX-License-Identifier: AGPL-3.0-or-later
"""The images that a dataset YAML names, split by split, as Ultralytics finds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolo_fine.errors import DataError
from yolo_fine.formats.yolo_layout import IMAGES, label_file

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """One split of a dataset.

    Attributes:
        images: Its images, sorted; they exist unless a list names one that doesn't.
        folders: Its folders, as far as it is given by folders and not by lists.
        absent: Folders and lists that the YAML names and that don't exist.
    """

    images: list[Path]
    folders: list[Path]
    absent: list[Path]


@dataclass(frozen=True)
class Dataset:
    """A dataset YAML: class names in the order of their numbers, and splits."""

    classes: tuple[str, ...]
    splits: dict[str, Split]


def open_dataset(data: str) -> Dataset:
    """Read a dataset YAML. Nothing is downloaded.

    Args:
        data: The YAML as Ultralytics takes it: a path or a bare name.

    Raises:
        DataError: Ultralytics can't use it.
    """
    from ultralytics.data.utils import check_det_dataset

    try:
        found = check_det_dataset(data, autodownload=False)
    except Exception as error:  # stock raises several kinds for one condition: this dataset can't be used
        raise DataError(f"data={data}: {error}") from error
    entries = {name: found.get(name) for name in SPLITS}
    splits = {
        name: _open_split([entry] if isinstance(entry, str) else list(entry))
        for name, entry in entries.items()
        if entry
    }
    return Dataset(tuple(found["names"][number] for number in sorted(found["names"])), splits)


def unused_labels(splits: list[Split]) -> list[Path]:
    """Label files beside the images of folders that belong to no image of any split."""
    used = {label_file(image) for split in splits for image in split.images}
    folders = {label_file(folder / "any.jpg").parent for split in splits for folder in split.folders}
    found = {file for folder in folders for file in folder.rglob("*.txt") if file.name != "classes.txt"}
    return sorted(found - used)


def _open_split(entries: list[str]) -> Split:
    places = [Path(entry) for entry in entries]
    images: set[Path] = set()
    for place in places:
        if place.is_file():
            images.update(_read_list(place))
        else:
            images.update(file for file in place.rglob("*") if file.suffix.lower() in IMAGES)
    folders = [place for place in places if place.is_dir()]
    return Split(sorted(images), folders, [place for place in places if not place.exists()])


def _read_list(file: Path) -> list[Path]:
    """Images of a list; ``./`` at the start of a line means the folder of the list."""
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [file.parent / line if line.startswith("./") else Path(line) for line in lines]
