# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is to be said about the images and labels of a dataset: problems, and what is worth knowing."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from yolo_fine.data.check.duplicates import near_pairs, same_groups
from yolo_fine.data.check.image_files import ImageCheck
from yolo_fine.data.check.result import Finding, SplitStatistics
from yolo_fine.formats.yolo_labels import TOLERANCE, Labels
from yolo_fine.formats.yolo_layout import Split, label_file
from yolo_fine.integration.datasets import SMALLEST_IMAGE
from yolo_fine.utils.hints import listed

Checked = dict[Path, tuple[ImageCheck, Labels | None]]  # by image; None where there is no label file

GROUP_SHOWN = 4  # of a group of equal images, these are named
FAULTS_NAMED = 3  # of one label file


def find_all(splits: dict[str, Split], checked: Checked, statistics: dict[str, SplitStatistics]) -> list[Finding]:
    """Everything that is to be said.

    Args:
        splits: The images of each split.
        checked: What each image and its label file hold.
        statistics: Of each split.
    """
    return [*_findings_by_split(splits, checked, statistics), *_find_duplicates(splits, checked)]


def _findings_by_split(
    splits: dict[str, Split], checked: Checked, statistics: dict[str, SplitStatistics]
) -> Iterator[Finding]:
    for name, split in splits.items():
        if split.absent:
            yield Finding(True, f"{name}: images that the YAML names don't exist", tuple(map(str, split.absent)))
        elif not split.images:
            yield Finding(True, f"{name}: no images")
        if split.note:
            yield Finding(True, f"{name}: {split.note}", split.dropped)
        again = [image for image, times in Counter(split.images).items() if times > 1]
        if again:  # in training, that may be meant
            what = f"{_number(len(again), 'image')} listed more than once; Ultralytics takes each as often"
            yield Finding(name != "train", f"{name}: {what}", tuple(map(str, again)))
        ours = [(image, *checked[image]) for image in split.images]
        faults = tuple(look.fault for _, look, _ in ours if look.fault)
        if faults:
            yield Finding(True, f"{name}: {_number(len(faults), 'unreadable image')}", faults)
        small = tuple(
            f"{image} has {' x '.join(map(str, look.size))} pixels"
            for image, look, _ in ours
            if 0 < min(look.size) < SMALLEST_IMAGE
        )
        if small:
            what = f"{_number(len(small), 'image')} with a side below {SMALLEST_IMAGE} pixels, left out by Ultralytics"
            yield Finding(True, f"{name}: {what}", small)
        yield from _findings_on_labels(name, [(image, labels) for image, _, labels in ours])
        empty = tuple(label for label, count in statistics[name].by_class.items() if not count)
        if empty and statistics[name].objects:
            yield Finding(
                False, f"{name}: {_number(len(empty), 'class', 'classes')} without an object: {listed(empty)}"
            )
    unused = tuple(map(str, _unused_labels(splits)))
    if unused:
        yield Finding(True, f"{_number(len(unused), 'label file')} without an image", unused)


def _findings_on_labels(name: str, ours: list[tuple[Path, Labels | None]]) -> Iterator[Finding]:
    """What is to be said about the label files of a split."""
    found = [(label_file(image), labels) for image, labels in ours if labels is not None]
    broken = [faults for file, labels in found if (faults := _faults(file, labels))]
    if broken:
        examples = tuple(fault for faults in broken for fault in faults)
        yield Finding(True, f"{name}: {_number(len(broken), 'broken label file')}", examples)
    unlabelled = tuple(str(image) for image, labels in ours if labels is None)
    if unlabelled and len(unlabelled) == len(ours):
        yield Finding(True, f"{name}: no image has a label file; looked for {label_file(ours[0][0])}")
    elif unlabelled:
        what = f"{_number(len(unlabelled), 'image')} without a label file, taken as empty"
        yield Finding(False, f"{name}: {what}", unlabelled)
    images: dict[Path, list[Path]] = {}
    for image, _ in ours:
        images.setdefault(label_file(image), []).append(image)
    twins = tuple(" and ".join(map(str, twin)) for twin in images.values() if len(set(twin)) > 1)
    if twins:
        yield Finding(False, f"{name}: {_number(len(twins), 'label file')} of more than one image", twins)
    repeated = sum(labels.repeated for _, labels in found)
    if repeated:
        yield Finding(False, f"{name}: {_number(repeated, 'repeated label row')}, dropped by Ultralytics")
    bare = tuple(str(file) for file, labels in found if labels.bare)
    if bare:
        mixed = any(len(labels.rows) > labels.bare for _, labels in found)
        what = f"{_number(len(bare), 'label file')} with boxes that lack keypoints, left out in training for poses"
        yield Finding(mixed, f"{name}: {what}", bare)
    rows = np.concatenate([np.empty((0, 5)), *(labels.rows for _, labels in found)])
    low, high = rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2
    outside = int(((low < -TOLERANCE) | (high > 1 + TOLERANCE)).any(axis=1).sum())
    if outside:
        yield Finding(False, f"{name}: {_number(outside, 'box', 'boxes')} beyond the edge of the image")


def _faults(file: Path, labels: Labels) -> list[str]:
    """What is wrong with a label file: what makes Ultralytics leave out the image, and boxes that nothing can match."""
    empty = labels.lines[(labels.rows[:, 3:5] == 0).any(axis=1)]
    faults = [*labels.faults, *(f"{file}, line {line}: a box without area" for line in empty.tolist())]
    more = len(faults) - FAULTS_NAMED
    return [*faults[:FAULTS_NAMED], f"{file}: {more} more"] if more > 0 else faults


def _unused_labels(splits: dict[str, Split]) -> list[Path]:
    """Label files beside the images of folders that belong to no image of any split."""
    used = {label_file(image) for split in splits.values() for image in split.images}
    folders = {label_file(folder / "any.jpg").parent for split in splits.values() for folder in split.folders}
    found = {
        Path(file)
        for folder in folders
        for file in glob.iglob(os.path.join(glob.escape(str(folder)), "**", "*.txt"), recursive=True)
    }
    return sorted(file for file in found - used if file.name != "classes.txt")


def _find_duplicates(splits: dict[str, Split], checked: Checked) -> Iterator[Finding]:
    """Images that are in two splits, or twice in one."""
    places = [(name, image) for name, split in splits.items() for image in split.images]
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
