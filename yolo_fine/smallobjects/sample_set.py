# SPDX-License-Identifier: AGPL-3.0-or-later
"""A procedural set on disk: its settings, its record, and whether it is there and whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.utils.files import read_json

RECORD_FILE = "smallobjects.json"
YAML_FILE = "smallobjects.yaml"
SPLITS = ("train", "val")


@dataclass(frozen=True)
class SampleSet:
    """A finished set.

    Attributes:
        root: Its folder, with ``images/``, ``labels/`` (YOLO) and ``annotations/`` (VisDrone), each by split.
        yaml: The Ultralytics dataset file inside.
        images: Number of images per split.
        boxes: Number of annotated objects per split.
        ignored: Number of ignored regions per split.
        created: Whether this call drew it; False when it was there already.
    """

    root: Path
    yaml: Path
    images: dict[str, int]
    boxes: dict[str, int]
    ignored: dict[str, int]
    created: bool

    def busiest(self, split: str = "val") -> Path:
        """The image of a split with the most annotated objects."""
        labels = sorted((self.root / "labels" / split).glob("*.txt"))
        chosen = max(labels, key=lambda path: len(path.read_text(encoding="utf-8").splitlines()))
        return self.root / "images" / split / f"{chosen.stem}.jpg"


def check_settings(settings: dict[str, Any]) -> None:
    """Refuse numbers that make no image set."""
    limits: dict[str, tuple[float, float]] = {
        "train": (0, 10**6),
        "val": (0, 10**6),
        "size": (64, 8192),
        "seed": (0, 2**63),
    }
    limits |= {"scale": (0.1, 10), "density": (0.1, 5)}
    for name, (low, high) in limits.items():
        value = settings[name]
        whole = name not in ("scale", "density")
        fitting = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not fitting or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise ArgumentError(f"{name} must be {kind} from {low} to {high}, got {value!r}")
    if settings["train"] + settings["val"] == 0:
        raise ArgumentError("train and val are both 0: there is no image to draw")


def find_existing(root: Path, settings: dict[str, Any]) -> SampleSet | None:
    """The finished set under ``root`` if it has these settings; None if there is nothing yet."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return None
    record = root / RECORD_FILE
    if not record.is_file():
        raise DataError(f"{root} exists and is no sample set (it has no {RECORD_FILE}); give another folder")
    stored = _read_record(root)["settings"]
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
    return describe(root, created=False)


def describe(root: Path, created: bool) -> SampleSet:
    """Read a finished set's record."""
    record = _read_record(root)
    images = {split: record["settings"][split] for split in SPLITS}
    return SampleSet(root, root / YAML_FILE, images, record["boxes"], record["ignored"], created)


def _read_record(root: Path) -> dict[str, Any]:
    """The record of a set.

    Raises:
        DataError: It is damaged.
    """
    remedy = f"delete {root} and draw it again"
    record = read_json(root / RECORD_FILE, remedy)
    if not all(isinstance(record.get(key), dict) for key in ("settings", "boxes", "ignored")):
        raise DataError(f"{root / RECORD_FILE} is damaged (its keys have other values); {remedy}")
    return record
