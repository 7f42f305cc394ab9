# SPDX-License-Identifier: AGPL-3.0-or-later
"""Datasets in Ultralytics' layout: which images a data YAML names, and where their labels lie.

Images are listed as Ultralytics lists them: links to folders are followed, hidden files are not seen, and a line of a
list counts only if it ends in the suffix of an image.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_fine.errors import DataError
from yolo_fine.integration.datasets import is_image, read_data_yaml
from yolo_fine.utils.hints import did_you_mean
from yolo_fine.utils.paths import StrPath

SPLITS = ("train", "val", "test")
OTHER_KEYS = ("path", "names", "download", "yaml_file")  # of a data YAML: every further text or list may be a split


@dataclass(frozen=True)
class Split:
    """The images of one split.

    Attributes:
        images: In Ultralytics' order, by path. One that a list names may not exist, and one may be there twice.
        folders: Folders that they come from.
        absent: Folders and lists that the YAML names and that don't exist.
        dropped: Lines of lists that Ultralytics does not take for an image, with file and line.
    """

    images: tuple[Path, ...]
    folders: tuple[Path, ...] = ()
    absent: tuple[Path, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def note(self) -> str | None:
        """A sentence on the lines that are dropped."""
        if not self.dropped:
            return None
        lines = len(self.dropped) + len(self.images)
        why = "blanks at their ends" if all(line[-2].isspace() for line in self.dropped) else "no suffix of an image"
        return f"Ultralytics drops {len(self.dropped)} of {lines} lines: {why}"


@dataclass(frozen=True)
class Dataset:
    """A dataset YAML.

    Attributes:
        data: The YAML as it was named.
        root: The dataset's folder.
        classes: Class number, from 0 -> name.
        channels: Bands of an image.
        keypoint_shape: Number of keypoints, and of numbers of each, in a pose dataset; else zeros.
        places: Split -> folders, lists and images that the YAML names for it.
        content: All keys of the YAML.
    """

    data: str
    root: Path
    classes: dict[int, str]
    channels: int
    keypoint_shape: tuple[int, int]
    places: dict[str, tuple[str, ...]]
    content: dict[str, Any]

    @property
    def keypoints(self) -> int:
        """Numbers that a label line has after its box, in a pose dataset."""
        return self.keypoint_shape[0] * self.keypoint_shape[1]

    @property
    def note(self) -> str | None:
        """A sentence on a folder that a bare name led to because it lies in the working folder."""
        if self.root.is_absolute() or Path(self.data).exists():
            return None
        return f"data={self.data} took the images of {self.root.resolve()}, a folder below the working one"

    def split(self, name: str) -> Split:
        """The images of one split.

        Raises:
            DataError: The YAML names none, or a list can't be read.
        """
        if not self.places.get(name):
            raise DataError(f"data={self.data}: the YAML names no '{name}' images{did_you_mean(name, self.places)}")
        return list_images(self.places[name])


def open_dataset(data: StrPath, *, download: bool = False) -> Dataset:
    """Read a dataset YAML.

    Args:
        data: As Ultralytics takes it: a path or a bare name.
        download: Run the YAML's ``download:`` step if the val images are not there.

    Raises:
        DataError: Ultralytics can't use it, or two classes have one name.
    """
    data = os.fspath(data)
    content = read_data_yaml(data, download=download)
    classes = {int(number): str(name) for number, name in content["names"].items()}
    for name in classes.values():
        if list(classes.values()).count(name) > 1:
            raise DataError(f"data={data}: two classes are named '{name}'")
    shape, channels = content.get("kpt_shape") or [0, 0], content["channels"]
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(number) is int for number in shape):
        raise DataError(f"data={data}: kpt_shape must be two whole numbers such as [17, 3], not {shape!r:.60}")
    if type(channels) is not int or channels < 1:
        raise DataError(f"data={data}: channels must be a whole number from 1 up, not {channels!r:.60}")
    entries = {key: [value] if isinstance(value, str) else value for key, value in content.items()}
    places = {
        key: tuple(value)
        for key, value in entries.items()
        if key not in OTHER_KEYS and isinstance(value, list) and all(isinstance(place, str) for place in value)
    }
    return Dataset(data, Path(content["path"]), classes, channels, (shape[0], shape[1]), places, content)


def list_images(places: Sequence[str]) -> Split:
    """Images of folders and of text files that list them.

    Raises:
        DataError: A list can't be read.
    """
    found: list[str] = []
    dropped: list[str] = []
    folders = [Path(place) for place in places if Path(place).is_dir()]
    for place in map(Path, places):
        if place.is_dir():
            found += glob.glob(os.path.join(glob.escape(str(place)), "**", "*.*"), recursive=True)
        elif place.is_file():
            text = read_text(place)
            first = 1 + text[: len(text) - len(text.lstrip())].count("\n")
            for number, line in enumerate(text.strip().splitlines(), first):
                if is_image(line):
                    found.append(line.replace("./", f"{place.parent}{os.sep}", 1) if line.startswith("./") else line)
                elif line.strip():
                    dropped.append(f"{place}, line {number}: '{line}'")
    images = sorted(image.replace("/", os.sep) for image in found if is_image(image))
    absent = tuple(Path(place) for place in places if not Path(place).exists())
    return Split(tuple(map(Path, images)), tuple(folders), absent, tuple(dropped))


def label_file(image: Path) -> Path:
    """Where Ultralytics looks for an image's labels: the last ``images`` folder of its path becomes ``labels``."""
    before, images, after = str(image).rpartition(f"{os.sep}images{os.sep}")
    path = f"{before}{os.sep}labels{os.sep}{after}" if images else after
    return Path(f"{path.rsplit('.', 1)[0]}.txt")


def read_text(file: Path) -> str:
    """A UTF-8 text, without a byte-order mark.

    Raises:
        DataError: It can't be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} can't be read: {error}") from error


def check_labels(data: StrPath, splits: Sequence[str] = ("train", "val")) -> dict[str, int]:
    """Check that each split of a dataset YAML has images with labels: stock Ultralytics trains without any.

    Args:
        data: Dataset YAML, as Ultralytics takes it (a path or a bare name). Its ``download:`` step may run.
        splits: The splits that are needed.

    Returns:
        Number of images with a label file that is not empty, by split.

    Raises:
        DataError: The YAML is wrong, a split is missing, or none of its images has a label.
    """
    dataset = open_dataset(data, download=True)
    return {split: _count_labelled(dataset, split) for split in splits}


def _count_labelled(dataset: Dataset, name: str) -> int:
    images = dataset.split(name).images
    if not images:
        raise DataError(f"data={dataset.data}: no images found for '{name}' in {', '.join(dataset.places[name])}")
    labels = [label_file(image) for image in images]
    labelled = sum(file.is_file() and file.stat().st_size > 0 for file in labels)
    if not labelled:
        raise DataError(
            f"data={dataset.data}: none of the {len(images)} images of '{name}' has a label file; "
            f"for {images[0]} it is looked for at {labels[0]}"
        )
    return labelled
