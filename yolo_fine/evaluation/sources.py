# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where an evaluation's objects and boxes come from: a dataset YAML, annotation files, result files."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from yolo_fine.data.convert.visdrone_official import OFFICIAL, judge_images
from yolo_fine.errors import ArgumentError, DataError, MissingFileError
from yolo_fine.formats.beside import annotation_file, beside, instances_file
from yolo_fine.formats.coco_files import read_instances, read_results
from yolo_fine.formats.numbering import counted_from, decide_reading
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.formats.visdrone_files import read_annotations, read_detections
from yolo_fine.formats.yolo_labels import read_split
from yolo_fine.formats.yolo_layout import open_dataset
from yolo_fine.utils.paths import StrPath


@dataclass(frozen=True)
class Source:
    """The annotated objects and the kind of file they come from; ``place`` names it in messages."""

    truth: GroundTruth
    kind: Literal["visdrone", "coco", "yolo"]
    place: str


def open_source(
    data: StrPath | None,
    split: str,
    annotations: StrPath | None,
    sizes_file: StrPath | None,
    images: StrPath | None,
) -> Source:
    """The objects of a dataset YAML or of annotation files: exactly one of both.

    Raises:
        ArgumentError: Neither is given, or both are.
        MissingFileError, DataError: See :func:`from_dataset` and :func:`from_annotations`.
    """
    if data is not None and annotations is None:
        return from_dataset(data, split)
    if annotations is not None and data is None:
        return from_annotations(annotations, sizes_file, images)
    found = "both are given" if data is not None else "neither is given"
    raise ArgumentError(f"objects come from data=FILE.yaml or from annotations=DIR|instances.json; {found}")


def from_dataset(data: StrPath, split: str) -> Source:
    """The objects of one split of a dataset YAML.

    Original annotations beside the images are preferred to YOLO labels, because they say more: VisDrone's
    ``annotations/SPLIT/NAME.txt`` know ignored regions, COCO's ``annotations/instances_SPLIT.json`` the segmented area
    and crowds. ``yolo-fine data visdrone`` and ``yolo-fine data coco`` keep them.

    Raises:
        DataError: The YAML, its images, labels or annotations can't be used.
    """
    data = os.fspath(data)
    labels = read_split(data, split)
    if split in OFFICIAL and "visdrone" in data.lower() and open_dataset(data).note:  # a bare name, a folder at hand
        labels = replace(labels, notes=(*labels.notes, judge_images(split, len(labels.names))))
    if not labels.files:
        raise DataError(f"data={data}: the split '{split}' has no images")
    place = f"data={data} split={split}"
    instances = instances_file(labels.files[0])
    if instances is not None:
        return Source(only_images(read_instances(instances), labels, str(instances)), "coco", place)
    annotations = [annotation_file(image) for image in labels.files]
    missing = [image for image, file in zip(labels.files, annotations, strict=True) if not file.is_file()]
    folders = {file.parent for file in annotations}
    if len(missing) == len(annotations) or len(folders) > 1:
        return Source(labels, "yolo", place)
    if missing:
        raise DataError(
            f"{place}: {len(missing)} of {len(annotations)} images have no file in {folders.pop()}, "
            f"the first is {missing[0].name}; add them, or remove the folder to evaluate on the YOLO labels"
        )
    folder = folders.pop()
    truth = read_annotations(folder, images=labels.files[0].parent)
    if list(labels.classes.values()) != list(truth.classes.values()):
        truth = replace(truth, classes={number + 1: name for number, name in labels.classes.items()})
        if not _same_objects(labels, truth):
            return Source(labels, "yolo", place)
    return Source(only_images(truth, labels, str(folder)), "visdrone", place)


def _same_objects(labels: GroundTruth, truth: GroundTruth) -> bool:
    """Whether VisDrone rows have the labels' objects of every class, under its number in the labels plus 1."""
    counted = truth.category[~truth.crowd & np.isin(truth.category, list(truth.classes))] - 1
    size = len(labels.classes)
    return bool((np.bincount(labels.category, minlength=size) == np.bincount(counted, minlength=size)).all())


def from_annotations(annotations: StrPath, sizes_file: StrPath | None = None, images: StrPath | None = None) -> Source:
    """The objects of a VisDrone annotation folder or of a COCO ``instances.json``.

    Image sizes of a VisDrone folder come from ``sizes_file`` (lines ``name width height``), or from the images;
    without either, ``sizes.txt`` and ``images`` beside the folder are looked at.

    Raises:
        MissingFileError: There is nothing of that name.
        DataError: A file can't be used.
    """
    annotations = Path(annotations)
    sizes_file, images = (None if place is None else Path(place) for place in (sizes_file, images))
    if annotations.is_dir():
        beside_sizes, beside_images = annotations.parent / "sizes.txt", beside(annotations, "images")
        if sizes_file is None and images is None and beside_sizes.is_file():
            sizes_file = beside_sizes
        if images is None and beside_images is not None and beside_images.is_dir():
            images = beside_images
        truth = read_annotations(annotations, sizes_file=sizes_file, images=images)
        return Source(truth, "visdrone", f"annotations={annotations}")
    if annotations.is_file():
        return Source(read_instances(annotations, images=images), "coco", f"annotations={annotations}")
    raise MissingFileError(
        f"annotations={annotations}: no such file or folder; name a folder of VisDrone text files or a COCO JSON file"
    )


def from_results(detections: StrPath, truth: GroundTruth, first_category: int | None = None) -> Detections:
    """The boxes of a VisDrone result folder or of a COCO results file.

    ``first_category`` is the number that the results give to the first class, where they leave that open: VisDrone
    counts classes from 1, YOLO labels from 0.

    Raises:
        MissingFileError: There is nothing of that name.
        DataError: A file can't be used, or does not fit the ground truth.
    """
    detections = Path(detections)
    if detections.is_dir():
        return _numbered(read_detections(detections, truth), truth, detections, first_category)
    if detections.is_file():
        return read_results(detections, truth, first_category=first_category)
    raise MissingFileError(
        f"detections={detections}: no such file or folder; "
        "name a folder of VisDrone result files or a COCO results file"
    )


def _numbered(found: Detections, truth: GroundTruth, folder: Path, first_category: int | None) -> Detections:
    """VisDrone rows with the numbers of the annotated classes. Numbers of no class stay what they are, or become -1.

    Raises:
        DataError: Nothing tells whether they count from 0 or from 1, or the evidence is against them.
    """
    notes: tuple[str, ...] = ()
    if first_category is not None:
        reading = counted_from(truth, first_category)
    else:
        columns = (found.image, found.boxes, found.category)
        reading, notes = decide_reading(truth, *columns, str(folder), from_one=False, strict=False)
    if all(number == category for number, category in reading.items()):
        return replace(found, notes=notes)
    numbers, inverse = np.unique(found.category, return_inverse=True)
    categories = np.array([reading.get(number, -1) for number in numbers.tolist()], dtype=np.int64)
    return replace(found, category=categories[inverse], notes=notes)


def check_boxes(model: object, detections: StrPath | None) -> None:
    """Check that there is exactly one source of boxes.

    Raises:
        ArgumentError: There is none, or there are two.
    """
    if (model is None) == (detections is None):
        found = "both are given" if model else "neither is given"
        raise ArgumentError(f"boxes come from model=best.pt or from detections=DIR|results.json; {found}")


def only_images(truth: GroundTruth, wanted: GroundTruth, place: str) -> GroundTruth:
    """``truth`` restricted to the images of ``wanted``, in its own order, with their files.

    Raises:
        DataError: A wanted image is not annotated there.
    """
    by_stem = {name.rsplit("/", 1)[-1]: index for index, name in enumerate(truth.names)}
    files = {file.stem: file for file in wanted.files or ()}
    size_of = {file.stem: size for file, size in zip(wanted.files or (), wanted.sizes, strict=True)}
    if len(files) < len(wanted.names):
        raise DataError(f"{place}: two images in different folders have one name, and annotations know only names")
    missing = sorted(files.keys() - by_stem.keys())
    if missing:
        raise DataError(f"{place} has no annotations of {len(missing)} images, the first is {missing[0]}")
    kept = np.array(sorted(by_stem[stem] for stem in files), dtype=np.int64)
    if wrong := [stem for stem in files if not np.array_equal(size_of[stem], truth.sizes[by_stem[stem]])]:
        real, stated = (" x ".join(map(str, size)) for size in (size_of[wrong[0]], truth.sizes[by_stem[wrong[0]]]))
        raise DataError(
            f"{place}: {len(wrong)} images have another size than the annotations are for: {files[wrong[0]]} has "
            f"{real} pixels after EXIF rotation, not {stated}"
        )
    new_index = np.full(len(truth.names), -1, dtype=np.int64)
    new_index[kept] = np.arange(len(kept))
    rows = new_index[truth.image] >= 0
    return replace(
        truth,
        names=tuple(truth.names[index] for index in kept),
        sizes=truth.sizes[kept],
        image=new_index[truth.image[rows]],
        boxes=truth.boxes[rows],
        category=truth.category[rows],
        area=truth.area[rows],
        crowd=truth.crowd[rows],
        files=tuple(files[truth.names[index].rsplit("/", 1)[-1]] for index in kept),
        channels=wanted.channels,
        notes=(*wanted.notes, *truth.notes),
    )
