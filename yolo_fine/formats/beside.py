# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where original annotations lie beside the images of a dataset that ``yolo-fine data visdrone`` or ``coco`` made."""

from __future__ import annotations

from pathlib import Path


def annotation_file(image: Path) -> Path:
    """Where an image's original VisDrone annotations lie: the last ``images`` of its path becomes ``annotations``."""
    return (beside(image, "annotations") or image).with_suffix(".txt")


def instances_file(image: Path) -> Path | None:
    """The COCO file of an image's folder: ``images/val2017/x.jpg`` -> ``annotations/instances_val2017.json``."""
    folder = beside(image.parent, "annotations")
    if folder is None:
        return None
    file = folder.with_name(f"instances_{folder.name}.json")
    return file if file.is_file() else None


def beside(path: Path, name: str) -> Path | None:
    """The same path with its last ``images`` or ``annotations`` folder called ``name``; None if it has neither."""
    parts = list(path.parts)
    for index in range(len(parts) - 1, -1, -1):
        if parts[index] in ("images", "annotations"):
            parts[index] = name
            return Path(*parts)
    return None
