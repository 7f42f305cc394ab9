# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finds the splits of a VisDrone-DET download: official folders, their zip archives, or one of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from yolo_fine.data.convert.file_tree import FileTree, open_tree
from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.integration.datasets import is_image
from yolo_fine.utils.hints import listed

EXPECTED = "VisDrone2019-DET-train, -val and -test-dev, each a folder with images/ and annotations/ or its .zip"
# The last word of a name says which split it is; a browser adds " (1)" to a second download.
SPLIT_NAME = re.compile(r"(?:^|[-_ ])(train|val|test[-_]?dev|test[-_]?challenge|test)(?: ?\(\d+\))?$")
ORDER = ("train", "val", "test")


@dataclass(frozen=True)
class SplitSource:
    """One split of the download.

    Attributes:
        split: ``train``, ``val`` or ``test`` (test-dev).
        tree: Its folder or archive.
        images: Name without suffix -> image in the tree.
        annotations: Name without suffix -> annotation file in the tree; the same names.
    """

    split: str
    tree: FileTree
    images: dict[str, PurePosixPath]
    annotations: dict[str, PurePosixPath]


def find_splits(source: Path) -> list[SplitSource]:
    """Find every split below ``source``, in the order train, val, test.

    Args:
        source: Folder that holds the official folders or archives, or one of them itself.

    Raises:
        MissingFileError: ``source`` doesn't exist.
        DataError: It holds no split, one twice, or one that is incomplete.
    """
    if not source.exists():
        raise MissingFileError(f"source={source}: no such file or folder")
    places = {split_of(source): [source]} if _is_split(source) else _places_below(source)
    if not places:
        found = listed(sorted(entry.name for entry in source.iterdir())) if source.is_dir() else "an archive"
        raise DataError(f"source={source} holds no VisDrone split; expected {EXPECTED}; found {found or 'nothing'}")
    return [_open_split(split, _choose(split, places[split])) for split in ORDER if split in places]


def split_of(place: Path) -> str | None:
    """The split that a folder or archive is called after: train, val or test; None for everything else."""
    stem = place.name[:-4] if place.suffix.lower() == ".zip" else place.name
    match = SPLIT_NAME.search(stem.lower())
    if match is None or "challenge" in match[1]:  # the challenge split has no annotations
        return None
    return "test" if match[1].startswith("test") else match[1]


def _is_split(source: Path) -> bool:
    """Whether ``source`` is one split itself.

    Raises:
        DataError: It looks like one, but its name doesn't say which, or it is converted already.
    """
    if source.is_file():
        known = split_of(source) is not None
    elif (source / "annotations").is_dir() and (source / "images").is_dir():
        if any((source / "images" / split).is_dir() for split in ORDER):
            raise DataError(f"source={source} has a YOLO layout already (images/train, ...); give the official folders")
        known = split_of(source) is not None
    else:
        return split_of(source) is not None and not _places_below(source)
    if not known:
        raise DataError(f"source={source}: its name doesn't say which split it is; expected {EXPECTED}")
    return True


def _places_below(source: Path) -> dict[str | None, list[Path]]:
    """Split -> folders and archives in ``source`` that are called after it."""
    places: dict[str | None, list[Path]] = {}
    for entry in sorted(source.iterdir()) if source.is_dir() else []:
        is_candidate = entry.is_dir() or entry.suffix.lower() == ".zip"
        split = split_of(entry) if is_candidate and not entry.name.startswith(".") else None
        nested = source.name == entry.name  # a split's archive unpacked into a folder of its own name
        if split is not None and not nested:
            places.setdefault(split, []).append(entry)
    return places


def _choose(split: str, places: list[Path]) -> Path:
    """The folder of a split, or else its archive."""
    folders = [place for place in places if place.is_dir()]
    chosen = folders or places
    if len(chosen) > 1:
        raise DataError(f"the {split} split is there twice: {chosen[0]} and {chosen[1]}; take one of them away")
    return chosen[0]


def _open_split(split: str, place: Path) -> SplitSource:
    tree = open_tree(place)
    images = _by_stem(tree, "images", is_image)
    annotations = _by_stem(tree, "annotations", lambda name: name.endswith(".txt"))
    if not annotations or not images:
        missing = "annotations/*.txt" if not annotations else "images/*.jpg"
        raise DataError(f"{place} has no {missing}; expected a folder or archive with images/ and annotations/")
    for what, there, here in (
        ("no annotation file", images, annotations),
        ("no image", annotations, images),
    ):
        missing_names = sorted(there.keys() - here.keys())
        if missing_names:
            raise DataError(
                f"{place}: {len(missing_names)} of {len(there)} have {what}, the first is {missing_names[0]}"
            )
    return SplitSource(split, tree, images, annotations)


def _by_stem(tree: FileTree, folder: str, is_wanted: Callable[[str], bool]) -> dict[str, PurePosixPath]:
    """Files of the folder of that name, by name without suffix, sorted."""
    found: dict[str, PurePosixPath] = {}
    for name in tree.sizes:
        if name.parent.name != folder or not is_wanted(name.name):
            continue
        if name.stem in found:
            raise DataError(f"{tree.place}: two files for {name.stem}: {found[name.stem]} and {name}")
        found[name.stem] = name
    return dict(sorted(found.items()))
