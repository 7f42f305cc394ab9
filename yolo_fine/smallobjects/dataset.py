# SPDX-License-Identifier: AGPL-3.0-or-later
"""The procedural sample set: aerial scenes with many small objects, drawn on the spot, any number, no download.

    from yolo_fine.smallobjects.dataset import make_dataset
    make_dataset("smallobjects", train=200, val=50)

Every image depends on its seed, split and number alone, so a set of 20 images is the start of a set of 200.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.formats.dataset_yaml import dataset_yaml
from yolo_fine.smallobjects.labels import visdrone_text, yolo_text
from yolo_fine.smallobjects.objects import MERGED, MERGED_NAMES, NAMES
from yolo_fine.smallobjects.placement import plan_image
from yolo_fine.smallobjects.rendering import Annotation, render
from yolo_fine.smallobjects.sample_set import (
    RECORD_FILE,
    SPLITS,
    YAML_FILE,
    SampleSet,
    check_settings,
    describe,
    find_existing,
)
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.files import write_json
from yolo_fine.utils.folders import finished_folder
from yolo_fine.utils.paths import StrPath

EDITION = 1  # raised whenever the same settings give other images
JPEG_QUALITY = 92
COMMENT = "Aerial scenes with small objects, drawn by yolo_fine"


def make_image(
    split: str, index: int, *, size: int = 1024, scale: float = 1.0, density: float = 1.0, seed: int = 0
) -> tuple[Array, list[Annotation], Array]:
    """Draw one image of the set, without writing it.

    Args:
        split: ``train`` or ``val``.
        index: Number of the image in its split, from 0.
        size: Image side in pixels.
        scale: Pixels per pixel of a VisDrone image: 1 keeps VisDrone's object sizes in pixels.
        density: Number of objects against VisDrone's.
        seed: Seed of the whole set.

    Returns:
        The (size, size, 3) uint8 image (blue-green-red), its annotations, and its ignored regions as an (n, 4) array
        of x1, y1, x2, y2 in pixels.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, SPLITS.index(split), index]))
    plan = plan_image(rng, size, scale, density)
    image, annotations = render(rng, plan)
    return image, annotations, plan.regions


def make_dataset(
    root: StrPath,
    *,
    train: int = 200,
    val: int = 50,
    size: int = 1024,
    scale: float = 1.0,
    density: float = 1.0,
    seed: int = 0,
    look_alikes: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> SampleSet:
    """Draw a set of images with YOLO and VisDrone annotations, or find it already there.

    The set appears under ``root`` at once when it is complete; an interrupted run leaves nothing there.

    Args:
        root: Folder to make.
        train: Number of training images.
        val: Number of validation images.
        size: Image side in pixels.
        scale: Pixels per pixel of a VisDrone image. At 1, objects have VisDrone's sizes in pixels, and an image
            holds as many as a VisDrone window of its size.
        density: Number of objects against VisDrone's.
        seed: Seed of the whole set.
        look_alikes: Keep classes apart that look the same, or do when they are small; without, there are two classes:
            person (on foot, in the water or on two wheels) and vehicle.
        progress: Called with (done, total) after each image.

    Raises:
        ArgumentError: A number is out of range, or ``root`` can't be written.
        DataError: ``root`` holds something else, another set or a damaged one.
    """
    settings: dict[str, Any] = {"edition": EDITION, "train": train, "val": val, "size": size}
    settings |= {"scale": scale, "density": density, "seed": seed}
    settings |= {} if look_alikes else {"look_alikes": False}  # sets that were drawn before have no such key
    check_settings(settings)
    root = Path(root)
    found = find_existing(root, settings)
    if found is not None:
        return found
    try:
        with finished_folder(root) as folder:
            _write_set(folder.path, settings, progress)
    except ArgumentError:
        found = find_existing(root, settings)  # another process may have finished the same set meanwhile
        if found is None:
            raise
        return found
    return describe(root, created=True)


def _write_set(folder: Path, settings: dict[str, Any], progress: Callable[[int, int], None] | None) -> None:
    """Write the whole set into ``folder``."""
    how = {name: settings[name] for name in ("size", "scale", "density", "seed")}
    boxes, ignored, done = dict.fromkeys(SPLITS, 0), dict.fromkeys(SPLITS, 0), 0
    for split in SPLITS:
        for kind in ("images", "labels", "annotations"):
            (folder / kind / split).mkdir(parents=True)
        for index in range(settings[split]):
            image, annotations, regions = make_image(split, index, **how)
            if not settings.get("look_alikes", True):
                annotations = [replace(one, label=MERGED[one.label]) for one in annotations]
            name = f"{split}_{index:05d}"
            encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
            (folder / "images" / split / f"{name}.jpg").write_bytes(encoded.tobytes())
            texts = {
                "labels": yolo_text(annotations, settings["size"]),
                "annotations": visdrone_text(annotations, regions),
            }
            for kind, text in texts.items():
                (folder / kind / split / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")
            boxes[split] += len(annotations)
            ignored[split] += len(regions)
            done += 1
            if progress is not None:
                progress(done, settings["train"] + settings["val"])
    names = NAMES if settings.get("look_alikes", True) else MERGED_NAMES
    yaml = dataset_yaml({split: f"images/{split}" for split in SPLITS}, names, COMMENT)
    (folder / YAML_FILE).write_text(yaml, encoding="utf-8", newline="\n")
    write_json(folder / RECORD_FILE, {"settings": settings, "boxes": boxes, "ignored": ignored})
