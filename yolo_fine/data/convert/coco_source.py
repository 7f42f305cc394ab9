# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finds the splits of a COCO download: instances files, and the folders or archives of their images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from yolo_fine.data.convert.coco_exports import find_exports
from yolo_fine.data.convert.file_tree import FileTree, FolderTree, ZipTree, open_tree
from yolo_fine.errors import DataError, MissingFileError
from yolo_fine.integration.datasets import is_image

EXPECTED = "annotations/instances_{train,val}2017.json (or annotations_trainval2017.zip) and the images beside"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class CocoSource:
    """One split of the download.

    Attributes:
        split: ``train``, ``val`` or ``test``.
        name: What its file is called after, ``val2017``; ``val`` for a plain ``instances.json``.
        tree: Folder or archive that holds the instances file.
        instances: That file.
        images: Folder or archive of the images, None if there is none.
    """

    split: str
    name: str
    tree: FileTree
    instances: PurePosixPath
    images: FileTree | None


def find_instances(source: Path) -> list[CocoSource]:
    """Find every instances file of ``source``, in the order train, val, test.

    Args:
        source: Folder with ``annotations/instances_NAME.json``, ``instances.json`` or an archive of them, and images
            in ``NAME/``, ``images/NAME/``, ``NAME.zip`` or, for a plain ``instances.json``, ``images/``; or with what
            another tool has exported, see :mod:`.coco_exports`.

    Raises:
        MissingFileError: ``source`` isn't a folder.
        DataError: It has no instances file, or two for the same split.
    """
    if not source.is_dir():
        raise MissingFileError(f"source={source}: no such folder; expected one with {EXPECTED}")
    found: dict[str, CocoSource] = {}
    exported = list(_exported(source))
    taken = {one.tree.place / one.instances for one in exported}
    for one in list(_named(source, taken)) or exported:
        other = found.setdefault(one.split, one)
        unpacked_beside = isinstance(one.tree, ZipTree) and other.name == one.name
        if other is not one and not unpacked_beside:
            files = " and ".join(each.tree.where(each.instances) for each in (other, one))
            raise DataError(f"two {one.split} splits: {files}; keep one")
    if not found:
        others = [file.relative_to(source).as_posix() for file in sorted(source.rglob("*.json"))[:3]]
        advice = (
            f"; found {', '.join(others)}: let each be annotations/instances_train.json, _val or _test, and its images "
            "be in train/, val/ or test/"
        )
        raise DataError(f"source={source} has no instances file; expected {EXPECTED}{advice if others else ''}")
    return [found[split] for split in SPLITS if split in found]


def _exported(source: Path) -> Iterator[CocoSource]:
    for split, file, images in find_exports(source):
        yield CocoSource(split, split, FolderTree(file.parent, deep=False), PurePosixPath(file.name), images)


def _named(source: Path, exported: set[Path]) -> Iterator[CocoSource]:
    """What is named as COCO names it, without what another tool has exported.

    Raises:
        DataError: A name doesn't say which split it is.
    """
    for tree, file in _instances_files(source):
        if tree.place / file in exported:
            continue
        name = file.stem.removeprefix("instances").lstrip("_") or "val"
        split = next((split for split in SPLITS if name.startswith(split)), None)
        if split is None:
            raise DataError(
                f"{tree.where(file)}: its name doesn't say which split it is; rename it to instances_train.json, _val "
                f"or _test, and the folder of its images from {name} to train, val or test"
            )
        yield CocoSource(split, name, tree, file, _find_images(source, name))


def _instances_files(source: Path) -> list[tuple[FileTree, PurePosixPath]]:
    """Instances files in folders first, then those in archives called ``annotations...zip``."""
    trees: list[FileTree] = [FolderTree(source / "annotations", deep=False), FolderTree(source, deep=False)]
    archives = [*source.glob("annotations*.zip"), *source.glob("annotations/*.zip")]
    trees += [ZipTree(archive) for archive in sorted(archives)]
    return [
        (tree, file)
        for tree in trees
        for file in tree.sizes
        if file.name.startswith("instances") and file.suffix == ".json"
    ]


def _find_images(source: Path, name: str) -> FileTree | None:
    """The first place with images of the split."""
    places = [source / "images" / name, source / name, source / f"{name}.zip", source / "images" / f"{name}.zip"]
    if name == "val":
        places += [source / "images"]
    for place in places:
        if place.is_dir() or place.is_file():
            tree = open_tree(place)
            if any(is_image(file.name) for file in tree.sizes):
                return tree
    return None
