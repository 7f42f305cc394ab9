# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes a training set of slices: the plan, the folder, the YAML, the record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from yolo_fine.data.check.size_histogram import SIZE_BINS, count_by_bin
from yolo_fine.data.convert.output import check_space, count_files, existing_parent
from yolo_fine.data.slice.plan import Plan, SliceRules, make_plan, without_images
from yolo_fine.data.slice.result import SizeCount, SlicedSet
from yolo_fine.data.slice.write import JPEG, WRITABLE, link_split, write_slices
from yolo_fine.errors import ArgumentError, DataError
from yolo_fine.formats.dataset_yaml import dataset_yaml
from yolo_fine.formats.yolo_labels import image_names, read_split
from yolo_fine.formats.yolo_layout import Dataset, open_dataset
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.files import read_json, write_json
from yolo_fine.utils.folders import is_free, taken
from yolo_fine.utils.resumable import resumable_folder

RECORD, YAML, JOURNAL = "slices.json", "data.yaml", "written.log"
SCHEMA = 1
CARRIED = {"channels": 3, "kpt_shape": None, "flip_idx": None, "kpt_names": None}  # keys that training needs: default


def make_sliced_set(data: str, out: Path, rules: SliceRules) -> tuple[SlicedSet, Plan]:
    """Write the set, unless it is there already.

    Args:
        data: Dataset YAML, as Ultralytics takes it.
        out: Folder to make.
        rules: How to slice.

    Raises:
        DataError: The dataset can't be sliced, or the disk has no room.
        ArgumentError: An argument can't be used, or ``out`` holds something else.
    """
    dataset = open_dataset(data, download=True)
    if dataset.channels not in WRITABLE:
        raise DataError(f"data={data}: slices of images with {dataset.channels} bands can't be written; 1, 3 or 4 can")
    truth = read_split(data, "train")
    plan = make_plan(truth, dataset.keypoint_shape, rules)
    others = _other_splits(dataset)
    fingerprint = _fingerprint(plan, rules, others)
    counts = _counts(plan)
    settings = asdict(rules)
    made = {"fingerprint": fingerprint, "settings": settings, **counts}

    def result(created: bool) -> SlicedSet:
        sizes = [SizeCount(**one) for one in counts["sizes"]]
        untouched = {name: len(files) for name, files in others.items()}
        return SlicedSet(
            out, out / YAML, {"data": data, **settings}, **{**counts, "sizes": sizes}, untouched=untouched,
            created=created,
        )  # fmt: skip

    if not is_free(out):
        _check_same(out, fingerprint)
        return result(created=False), plan
    check_space(out, _bytes_needed(plan, out))
    with resumable_folder(out, fingerprint[:12]) as folder:
        for name, files in others.items():
            names = [without_images(stem) for stem in image_names(data, name, files)]
            link_split(folder.path, name, files, names)
        write_slices(folder.path, folder.path / JOURNAL, plan, rules)
        (folder.path / JOURNAL).unlink()
        (folder.path / YAML).write_text(_yaml_text(dataset, others, rules), encoding="utf-8")
        write_json(folder.path / RECORD, {"schema": SCHEMA, **made, "files": count_files(folder.path) + 1})
    return result(created=True), plan


def _other_splits(dataset: Dataset) -> dict[str, tuple[Path, ...]]:
    """The images of val and test; a test split that isn't there is left out.

    Raises:
        DataError: Val has no images, or an image that a list names isn't there.
    """
    found = {}
    for name in ("val", "test"):
        split = dataset.split(name) if dataset.places.get(name) else None
        if split is None or not split.images:
            if name == "val":
                raise DataError(f"data={dataset.data}: no images found for 'val', which training needs")
            continue
        missing = [file for file in split.images if not file.is_file()]
        if missing:
            raise DataError(f"data={dataset.data}: {len(missing)} images of '{name}' don't exist, such as {missing[0]}")
        found[name] = split.images
    return found


def _counts(plan: Plan) -> dict[str, Any]:
    """Images, slices and objects by size."""
    slices = plan.slices
    before = np.sqrt(plan.truth.area)
    kept = np.zeros(len(plan.truth), dtype=bool)
    starts = np.searchsorted(plan.truth.image, np.arange(len(plan.images)))
    for start, image in zip(starts.tolist(), plan.images, strict=True):
        for one in image.slices:
            kept[start + one.source_rows] = True
    has_area = before > 0
    after = np.sqrt(plan.sliced_truth().area)
    columns = [count_by_bin(values) for values in (before[has_area], after, before[has_area & ~kept])]
    sizes = [asdict(SizeCount(size, *(column[size] for column in columns))) for size in SIZE_BINS]
    return {
        "images": len(plan.images),
        "slices": len(slices),
        "unchanged": sum(one.unchanged for one in slices),
        "empty": sum(not len(one.boxes) for one in slices),
        "empty_left_out": plan.empty_left_out,
        "ignored_left_out": plan.ignored_left_out,
        "sizes": sizes,
    }


def _yaml_text(dataset: Dataset, others: Iterable[str], rules: SliceRules) -> str:
    splits = {"train": "images/train", **{name: f"images/{name}" for name in others}}
    names = [dataset.classes[number] for number in sorted(dataset.classes)]
    comment = f"slices of {rules.size} px (overlap {rules.overlap:g}), made by `yolo-fine data slice`"
    kept = {key: dataset.content[key] for key, plain in CARRIED.items() if dataset.content.get(key, plain) != plain}
    more = yaml.safe_dump(kept, sort_keys=False) if kept else ""
    return dataset_yaml(splits, names, comment) + more


def _fingerprint(plan: Plan, rules: SliceRules, others: dict[str, tuple[Path, ...]]) -> str:
    """Hash of all that decides what is written, but for the pixels: of images their names and sizes in bytes count."""
    digest = hashlib.sha256(json.dumps(asdict(rules), sort_keys=True).encode())
    for name, files in others.items():
        digest.update(json.dumps([name, *((str(file), file.stat().st_size) for file in files)]).encode())
    for image in plan.images:
        digest.update(f"{image.file.name} {image.file.stat().st_size}\n".encode())
        for one in image.slices:
            numbers = (one.place, one.boxes, one.category, one.fill)
            told = [one.name, one.labels, one.annotations, *(column.tolist() for column in numbers)]
            digest.update(json.dumps(told).encode())
    return digest.hexdigest()


def _check_same(out: Path, fingerprint: str) -> None:
    """Check that a folder holds the very set that is asked for, complete.

    Raises:
        ArgumentError: It is something else, or other slices.
        DataError: Files of it are missing.
    """
    if not (out / RECORD).is_file():
        raise taken(out)
    record = read_json(out / RECORD, f"delete {out} and slice again")
    if record.get("fingerprint") != fingerprint:
        raise ArgumentError(
            f"out={out} holds other slices (of other images, labels or settings); delete it or give another out=DIR"
        )
    found, files = count_files(out), record.get("files")
    if not isinstance(files, int) or found < files:
        raise DataError(f"{out} holds {found} files instead of {files}; delete it and slice again")


def _bytes_needed(plan: Plan, out: Path) -> int:
    """Disk space that the slices take, roughly: as many bytes a pixel as their source has, PNG files the most."""
    needed = 0.0
    here = existing_parent(out).stat().st_dev
    for image, size in zip(plan.images, plan.truth.sizes, strict=True):
        found = image.file.stat()
        pixels = sum(_pixels(one.place) for one in image.slices if not one.unchanged or found.st_dev != here)
        factor = 1.0 if image.file.suffix.lower() in (*JPEG, ".png") else 0.5
        needed += factor * found.st_size * pixels / float(size[0] * size[1])
    return int(needed)


def _pixels(place: Array) -> float:
    return float((place[2] - place[0]) * (place[3] - place[1]))
