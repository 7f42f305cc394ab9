# SPDX-License-Identifier: AGPL-3.0-or-later
"""The procedural sample set: aerial scenes with many small objects, drawn on the spot, any number, no download.

    from yolo_fine.data.procedural import make_dataset
    make_dataset("smallobjects", train=200, val=50)

Every picture depends on its seed, split and number alone, so a set of 20 pictures is the start of a set of 200.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolo_fine.data.labels import visdrone_text, yolo_text
from yolo_fine.data.objects import NAMES
from yolo_fine.data.placement import plan_picture
from yolo_fine.data.rendering import Annotation, render
from yolo_fine.errors import ArgumentError, DataError

EDITION = 1  # raised whenever the same settings give other pictures
SETTINGS_FILE = "smallobjects.json"
SPLITS = ("train", "val")
JPEG_QUALITY = 92


@dataclass(frozen=True)
class SampleSet:
    """A finished set.

    Attributes:
        root: Its folder, with ``images/``, ``labels/`` (YOLO) and ``annotations/`` (VisDrone), each by split.
        yaml: The Ultralytics dataset file inside.
        pictures: Number of pictures per split.
        boxes: Number of annotated objects per split.
        ignored: Number of ignored regions per split.
        created: Whether this call drew it; False when it was there already.
    """

    root: Path
    yaml: Path
    pictures: dict[str, int]
    boxes: dict[str, int]
    ignored: dict[str, int]
    created: bool


def make_picture(
    split: str, index: int, size: int = 1024, scale: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, list[Annotation], np.ndarray]:
    """Draw one picture of the set, without writing it.

    Args:
        split: ``train`` or ``val``.
        index: Number of the picture in its split, from 0.
        size: Picture side in pixels.
        scale: Pixels per pixel of a VisDrone picture: 1 keeps VisDrone's object sizes in pixels.
        seed: Seed of the whole set.

    Returns:
        The (size, size, 3) uint8 picture (blue-green-red), its annotations, and its ignored regions as an (n, 4) array
        of x1, y1, x2, y2 in pixels.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, SPLITS.index(split), index]))
    plan = plan_picture(rng, size, scale)
    picture, annotations = render(rng, plan)
    return picture, annotations, plan.regions


def make_dataset(
    root: str | Path,
    *,
    train: int = 200,
    val: int = 50,
    size: int = 1024,
    scale: float = 1.0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> SampleSet:
    """Draw a set of pictures with YOLO and VisDrone annotations, or find it already there.

    The set appears under ``root`` at once when it is complete; an interrupted run leaves nothing there.

    Args:
        root: Folder to make.
        train: Number of training pictures.
        val: Number of validation pictures.
        size: Picture side in pixels.
        scale: Pixels per pixel of a VisDrone picture. At 1, objects have VisDrone's sizes in pixels, and a picture
            holds as many as a VisDrone window of its size.
        seed: Seed of the whole set.
        progress: Called with (done, total) after each picture.

    Raises:
        ArgumentError: A number is out of range.
        DataError: ``root`` holds something else, another set or a damaged one.
    """
    settings = {"edition": EDITION, "train": train, "val": val, "size": size, "scale": float(scale), "seed": seed}
    _check_settings(settings)
    root = Path(root)
    found = _find_existing(root, settings)
    if found is not None:
        return found
    root.parent.mkdir(parents=True, exist_ok=True)
    part = root.parent / f".{root.name}.part-{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write_set(part, settings, progress)
        if root.is_dir():
            root.rmdir()  # _find_existing has seen that it is empty
        part.rename(root)
    except OSError:
        found = _find_existing(root, settings)  # another process may have finished the same set meanwhile
        if found is None:
            raise
        return found
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _describe(root, created=True)


def _check_settings(settings: dict[str, Any]) -> None:
    """Refuse numbers that make no picture set."""
    limits = {"train": (0, 10**6), "val": (0, 10**6), "size": (64, 8192), "seed": (0, 2**63), "scale": (0.1, 10.0)}
    for name, (low, high) in limits.items():
        value = settings[name]
        whole = name != "scale"
        if isinstance(value, bool) or (whole and not isinstance(value, int)) or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise ArgumentError(f"{name} must be {kind} from {low} to {high}, got {value!r}")
    if settings["train"] + settings["val"] == 0:
        raise ArgumentError("train and val are both 0: there is no picture to draw")


def _find_existing(root: Path, settings: dict[str, Any]) -> SampleSet | None:
    """The finished set under ``root`` if it has these settings; None if there is nothing yet."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return None
    record = root / SETTINGS_FILE
    if not record.is_file():
        raise DataError(f"{root} exists and is no sample set (it has no {SETTINGS_FILE}); give another folder")
    stored = json.loads(record.read_text(encoding="utf-8"))["settings"]
    if stored != settings:
        differing = [name for name in settings if stored.get(name) != settings[name]]
        listed = ", ".join(f"{name} is {stored.get(name)}, not {settings[name]}" for name in differing)
        raise DataError(f"{root} holds another sample set ({listed}); delete that folder or give another one")
    for split in SPLITS:
        for folder, suffix in (("images", "jpg"), ("labels", "txt"), ("annotations", "txt")):
            count = len(list((root / folder / split).glob(f"*.{suffix}")))
            if count != settings[split]:
                raise DataError(
                    f"{root / folder / split} holds {count} files instead of {settings[split]}; "
                    "delete the sample set's folder and make it again"
                )
    return _describe(root, created=False)


def _describe(root: Path, created: bool) -> SampleSet:
    """Read a finished set's record."""
    record = json.loads((root / SETTINGS_FILE).read_text(encoding="utf-8"))
    pictures = {split: record["settings"][split] for split in SPLITS}
    return SampleSet(root, root / "smallobjects.yaml", pictures, record["boxes"], record["ignored"], created)


def _write_set(folder: Path, settings: dict[str, Any], progress: Callable[[int, int], None] | None) -> None:
    """Write the whole set into ``folder``."""
    boxes, ignored, done = dict.fromkeys(SPLITS, 0), dict.fromkeys(SPLITS, 0), 0
    for split in SPLITS:
        for kind in ("images", "labels", "annotations"):
            (folder / kind / split).mkdir(parents=True)
        for index in range(settings[split]):
            picture, annotations, regions = make_picture(
                split, index, settings["size"], settings["scale"], settings["seed"]
            )
            name = f"{split}_{index:05d}"
            encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
            (folder / "images" / split / f"{name}.jpg").write_bytes(encoded.tobytes())
            _write_text(folder / "labels" / split / f"{name}.txt", yolo_text(annotations, settings["size"]))
            _write_text(folder / "annotations" / split / f"{name}.txt", visdrone_text(annotations, regions))
            boxes[split] += len(annotations)
            ignored[split] += len(regions)
            done += 1
            if progress is not None:
                progress(done, settings["train"] + settings["val"])
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(NAMES))
    _write_text(folder / "smallobjects.yaml", f"train: images/train\nval: images/val\nnames:\n{names}")
    record = {"settings": settings, "boxes": boxes, "ignored": ignored}
    _write_text(folder / SETTINGS_FILE, json.dumps(record, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    """Write a text file with the same bytes on every system."""
    path.write_bytes(text.encode("utf-8"))
