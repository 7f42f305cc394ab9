# SPDX-License-Identifier: AGPL-3.0-or-later
"""``yolo-fine data check``: sizes, classes, broken labels and duplicates of any dataset YAML. See docs/data.md."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from yolo_fine.data.check.duplicates import near_pairs, same_groups
from yolo_fine.data.check.image_files import ImageCheck, check_image
from yolo_fine.data.check.label_files import LabelCheck, check_label_file
from yolo_fine.data.check.plot import plot_check
from yolo_fine.data.check.result import DatasetCheck, Finding, SplitStatistics, check_lines
from yolo_fine.data.check.size_histogram import count_by_bar, count_by_bin, sides
from yolo_fine.data.check.splits import Dataset, open_dataset, unused_labels
from yolo_fine.formats.yolo_layout import label_file
from yolo_fine.utils.files import write_json
from yolo_fine.utils.progress import track

Checked = dict[Path, tuple[ImageCheck, LabelCheck | None]]  # by image; None where there is no label file

GROUP_SHOWN = 4  # of a group of equal images, these are named


def check_dataset(data: str, json: Path | None = None, out: Path | None = None) -> bool:
    """Check a dataset, print what was found, and draw sizes and classes.

    Args:
        data: Dataset YAML as Ultralytics takes it: a path or a bare name. Nothing is downloaded.
        json: File for the result.
        out: Image to draw, a ``.png``; ``runs/data/NAME.png`` if not given.

    Returns:
        True if no problem was found.

    Raises:
        DataError: The YAML can't be used.
        ArgumentError: A file can't be written.
    """
    dataset = open_dataset(data)
    check = inspect_dataset(data, dataset)
    print("\n".join(check_lines(check)))
    file = Path("runs/data") / f"{Path(data).stem}.png" if out is None else out
    plot_check(check, file)
    print(f"\n{'no problems found' if check.sound else 'problems found'}; image: {file}")
    if json is not None:
        write_json(json, check.to_dict())
    return check.sound


def inspect_dataset(data: str, dataset: Dataset) -> DatasetCheck:
    """Read every image and label of a dataset."""
    images = sorted({image for split in dataset.splits.values() for image in split.images})
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))  # decoding releases the interpreter
    try:
        looked = pool.map(lambda image: _check_one(image, len(dataset.classes)), images)
        checked = dict(zip(images, track(looked, len(images), "checking"), strict=True))
    finally:
        pool.shutdown(cancel_futures=True)  # when interrupted, don't read the rest first
    splits = {
        name: _describe(dataset.classes, {image: checked[image] for image in split.images})
        for name, split in dataset.splits.items()
    }
    findings = [*_findings_by_split(dataset, checked, splits), *_find_duplicates(dataset, checked)]
    return DatasetCheck(data, dataset.classes, splits, findings)


def _check_one(image: Path, classes: int) -> tuple[ImageCheck, LabelCheck | None]:
    labels = label_file(image)
    return check_image(image), check_label_file(labels, classes) if labels.is_file() else None


def _describe(classes: tuple[str, ...], checked: Checked) -> SplitStatistics:
    labelled = [(image, labels) for image, labels in checked.values() if labels is not None]
    rows = np.concatenate([np.empty((0, 5)), *(labels.rows for _, labels in labelled)])
    sizes = np.concatenate(
        [np.empty((0, 2)), *(np.tile(image.size, (len(labels.rows), 1)) for image, labels in labelled)]
    )
    readable = sizes.min(axis=1, initial=np.inf) > 0
    side = sides(rows[readable, 3:5], sizes[readable])
    per_class = np.bincount(rows[:, 0].astype(int), minlength=len(classes))
    return SplitStatistics(
        images=len(checked),
        without_labels=len(checked) - len(labelled),
        without_objects=sum(not len(labels.rows) and not labels.broken for _, labels in labelled),
        objects=len(rows),
        median_side=round(float(np.median(side)), 2) if len(side) else None,
        by_size=count_by_bin(side),
        by_class={name: int(per_class[number]) for number, name in enumerate(classes)},
        histogram=count_by_bar(side).tolist(),
    )


def _findings_by_split(dataset: Dataset, checked: Checked, statistics: dict[str, SplitStatistics]) -> Iterator[Finding]:
    for name, split in dataset.splits.items():
        if split.absent:
            yield Finding(True, f"{name}: images that the YAML names don't exist", tuple(map(str, split.absent)))
        elif not split.images:
            yield Finding(True, f"{name}: no images")
        ours = [(image, *checked[image]) for image in split.images]
        faults = tuple(look.fault for _, look, _ in ours if look.fault)
        if faults:
            yield Finding(True, f"{name}: {_number(len(faults), 'unreadable image')}", faults)
        broken = tuple(fault for _, _, labels in ours if labels for fault in labels.broken)
        if broken:
            files = sum(bool(labels and labels.broken) for _, _, labels in ours)
            yield Finding(True, f"{name}: {_number(files, 'broken label file')}", broken)
        unlabelled = tuple(str(image) for image, _, labels in ours if labels is None)
        if unlabelled and len(unlabelled) == len(ours):
            yield Finding(True, f"{name}: no image has a label file; looked for {label_file(ours[0][0])}")
        elif unlabelled:
            yield Finding(
                False, f"{name}: {_number(len(unlabelled), 'image')} without a label file, taken as empty", unlabelled
            )
        repeated = sum(labels.repeated for _, _, labels in ours if labels)
        if repeated:
            yield Finding(False, f"{name}: {_number(repeated, 'repeated label row')}, dropped by Ultralytics")
        outside = sum(labels.outside for _, _, labels in ours if labels)
        if outside:
            yield Finding(False, f"{name}: {_number(outside, 'box', 'boxes')} beyond the edge of the image")
        empty = tuple(label for label, count in statistics[name].by_class.items() if not count)
        if empty and statistics[name].objects:
            yield Finding(
                False, f"{name}: {_number(len(empty), 'class', 'classes')} without an object: {', '.join(empty[:10])}"
            )
    unused = tuple(map(str, unused_labels(list(dataset.splits.values()))))
    if unused:
        yield Finding(True, f"{_number(len(unused), 'label file')} without an image", unused)


def _find_duplicates(dataset: Dataset, checked: Checked) -> Iterator[Finding]:
    """Images that are in two splits, or twice in one."""
    places = [(name, image) for name, split in dataset.splits.items() for image in split.images]
    groups = same_groups([checked[image][0].content for _, image in places])
    across = [group for group in groups if len({places[index][0] for index in group}) > 1]
    within = [group for group in groups if len({places[index][0] for index in group}) == 1]
    for problem, found, where in ((True, across, "in more than one split"), (False, within, "twice in one split")):
        if found:
            examples = tuple(_group([places[index] for index in group]) for group in found)
            yield Finding(problem, f"{_number(len(found), 'image')} {where} (equal files)", examples)
    seen = [(place, checked[place[1]][0]) for place in places]
    hashed = [(place, look.look, look.content) for place, look in seen if look.look is not None]
    looks = np.array([look for _, look, _ in hashed], dtype=np.uint8).reshape(-1, 32)
    pairs = [(hashed[i], hashed[j], bits) for i, j, bits in near_pairs(looks) if hashed[i][2] != hashed[j][2]]
    for one, where in ((False, "in different splits"), (True, "in one split")):
        chosen = [(a[0], b[0], bits) for a, b, bits in pairs if (a[0][0] == b[0][0]) == one]
        if chosen:
            examples = tuple(f"{_name(*a)} ~ {_name(*b)} ({bits} of 256 bits differ)" for a, b, bits in chosen)
            yield Finding(False, f"{_number(len(chosen), 'pair')} of images {where} that look alike (dHash)", examples)


def _group(members: list[tuple[str, Path]]) -> str:
    """The first images of a group of equal ones, from every split at least one."""
    firsts = list({split: (split, image) for split, image in reversed(members)}.values())[::-1]
    ordered = [*firsts, *(member for member in members if member not in firsts)]
    shown = " = ".join(_name(*member) for member in ordered[:GROUP_SHOWN])
    return f"{shown} and {len(members) - GROUP_SHOWN} more" if len(members) > GROUP_SHOWN else shown


def _name(split: str, image: Path) -> str:
    return f"{split}/{image.name}"


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
