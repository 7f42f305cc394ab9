# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where other tools put COCO files and their images when they export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolo_fine.data.convert.file_tree import FolderTree
from yolo_fine.integration.datasets import is_image

BESIDE = "_annotations.coco.json"  # Roboflow: among the images of a split
SPLIT_OF = {"train": "train", "valid": "val", "val": "val", "test": "test"}  # its folder -> the split
ALONE = (  # one file, whose split nothing tells, and the folder of its images
    ("labels.json", "data"),  # FiftyOne
    ("result.json", "images"),  # Label Studio
    ("annotations/instances_default.json", "images/default"),  # CVAT
    ("annotations/instances_default.json", "images"),
)


def find_exports(source: Path) -> Iterator[tuple[str, Path, FolderTree]]:
    """Give the split, the COCO file and the images of each export in ``source``; a split that nothing tells is val."""
    places = [(split, source / folder / BESIDE, source / folder) for folder, split in SPLIT_OF.items()]
    places.append((SPLIT_OF.get(source.name, "val"), source / BESIDE, source))
    places += [("val", source / file, source / images) for file, images in ALONE]
    seen = set()
    for split, file, images in places:
        if file.is_file() and file not in seen:
            tree = FolderTree(images)
            if any(is_image(image.name) for image in tree.sizes):
                seen.add(file)
                yield split, file, tree
