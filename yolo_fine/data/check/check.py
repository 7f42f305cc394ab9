# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data check``: sizes, classes, broken labels and duplicates of any dataset YAML. See docs/data.md."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from yolo_fine.data.check.findings import Checked, find_all
from yolo_fine.data.check.image_files import ImageCheck, check_image
from yolo_fine.data.check.plot import plot_check
from yolo_fine.data.check.result import DatasetCheck, Finding, SplitStatistics
from yolo_fine.data.check.size_histogram import count_by_bar, count_by_bin, sides
from yolo_fine.data.convert.visdrone_official import OFFICIAL, judge_images
from yolo_fine.formats.yolo_labels import Labels, read_labels
from yolo_fine.formats.yolo_layout import SPLITS, Dataset, label_file, open_dataset
from yolo_fine.utils.calls import public
from yolo_fine.utils.console import track
from yolo_fine.utils.files import write_json
from yolo_fine.utils.paths import StrPath


@public
def check_dataset(data: StrPath, json: StrPath | None = None, out: StrPath | None = None) -> DatasetCheck:
    """Read every image and label of a dataset, and say what is wrong.

    Args:
        data: Dataset YAML as Ultralytics takes it: a path or a bare name. Nothing is downloaded.
        json: File for the result.
        out: Image to draw of sizes and classes, a ``.png``.

    Returns:
        Statistics and findings; ``sound`` is whether no problem was found.

    Raises:
        DataError: The YAML can't be used.
        ArgumentError: A file can't be written.
    """
    dataset = open_dataset(data)
    splits = {name: dataset.split(name) for name in SPLITS if dataset.places.get(name)}
    checked = _check_all(dataset, sorted({image for split in splits.values() for image in split.images}))
    statistics = {
        name: _describe(list(dataset.classes.values()), {image: checked[image] for image in split.images})
        for name, split in splits.items()
    }
    findings = find_all(splits, checked, statistics)
    if dataset.note:
        official = [name for name in splits if "visdrone" in dataset.data.lower() and name in OFFICIAL]
        verdicts = tuple(f"{name}: {judge_images(name, len(splits[name].images))}" for name in official)
        findings.append(Finding(False, dataset.note, verdicts))
    image = None if out is None else Path(out)
    check = DatasetCheck(dataset.data, tuple(dataset.classes.values()), statistics, findings, image)
    if image is not None:
        plot_check(check, image)
    if json is not None:
        write_json(Path(json), check.to_dict())
    return check


def _check_all(dataset: Dataset, images: list[Path]) -> Checked:
    """Check images and their label files."""

    def check_one(image: Path) -> tuple[ImageCheck, Labels | None]:
        labels = label_file(image)
        look = check_image(image, dataset.channels)
        return look, read_labels(labels, len(dataset.classes), dataset.keypoints) if labels.is_file() else None

    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))  # decoding releases the interpreter
    try:
        return dict(zip(images, track(pool.map(check_one, images), len(images), "checking"), strict=True))
    finally:
        pool.shutdown(cancel_futures=True)  # when interrupted, don't read the rest first


def _describe(classes: list[str], checked: Checked) -> SplitStatistics:
    labelled = [(image, labels) for image, labels in checked.values() if labels is not None]
    rows = np.concatenate([np.empty((0, 5)), *(labels.rows for _, labels in labelled)])
    sizes = np.repeat(
        np.array([image.size for image, _ in labelled]).reshape(-1, 2),
        [len(labels.rows) for _, labels in labelled],
        axis=0,
    )
    has_area = (rows[:, 3:5] > 0).all(axis=1)
    rows, sizes = rows[has_area], sizes[has_area]
    readable = (sizes > 0).all(axis=1)
    side = sides(rows[readable, 3:5], sizes[readable])
    per_class = np.bincount(rows[:, 0].astype(int), minlength=len(classes))
    return SplitStatistics(
        images=len(checked),
        without_labels=len(checked) - len(labelled),
        without_objects=sum(not len(labels.rows) and not labels.faults for _, labels in labelled),
        objects=len(rows),
        median_side=round(float(np.median(side)), 2) if len(side) else None,
        by_size=count_by_bin(side),
        by_class={name: int(per_class[number]) for number, name in enumerate(classes)},
        histogram=count_by_bar(side).tolist(),
    )
