# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which class a number in a detector's results means: the annotations' own number, or a count from 0 or from 1.

Trainers count the classes from 0, Ultralytics writes them from 1, VisDrone's files count from 1, and COCO's have gaps.
What decides is evidence: which numbers occur, and under which reading the boxes lie on objects of their class. Where
that leaves two readings open, or speaks against the numbers as they stand, ``first_category`` has to be said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from yolo_fine.errors import DataError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.boxes import iou
from yolo_fine.utils.hints import listed

Reading = dict[int, int]  # number in the results -> category of the annotations

SAMPLE = 20_000  # boxes that are compared with objects, about
OVERLAP = 0.5  # IoU from which a box lies on an object
LEAST, TIMES = 5, 3  # a reading is clearly better with so many boxes on their objects, and so many times more


def counted_from(truth: GroundTruth, start: int) -> Reading:
    """The reading under which the annotations' classes are counted, in the order of their numbers."""
    return dict(enumerate(sorted(truth.classes), start))


def as_they_stand(truth: GroundTruth) -> Reading:
    """The reading by the annotations' own numbers. VisDrone's 0 and 11 are no classes, but have a meaning there."""
    return {number: number for number in [*np.unique(truth.category).tolist(), *truth.classes]}


def decide_reading(
    truth: GroundTruth, image: Array, boxes: Array, number: Array, place: str, *, from_one: bool, strict: bool
) -> tuple[Reading, tuple[str, ...]]:
    """Decide what the numbers mean.

    Args:
        truth: The annotated objects.
        image: Index of each box's image, shape (boxes,), ascending.
        boxes: Left, top, width, height in pixels, shape (boxes, 4).
        number: As the results have it, shape (boxes,).
        place: The results, for messages.
        from_one: They are Ultralytics' own, which count from 1 what its labels count from 0.
        strict: Every number is one of a class. Otherwise, as in VisDrone's files, others may occur.

    Returns:
        The reading, and what a reader of the metrics should know about it.

    Raises:
        DataError: It can't be decided, or the evidence is against the numbers as they stand.
    """
    written = set(np.unique(number).tolist())
    counted = sorted(truth.classes) == list(range(len(truth.classes)))  # so that counts from 0 and 1 look alike
    readings: dict[int | None, Reading] = {
        None: as_they_stand(truth),
        **{start: counted_from(truth, start) for start in _starts(truth)},
    }
    fitting = {start: reading for start, reading in readings.items() if written <= reading.keys()}
    if not strict and (not fitting or not counted):
        fitting = {**readings, **fitting} if not fitting else {None: readings[None], **fitting}
    distinct: dict[tuple[int, ...], int | None] = {}
    for start, reading in fitting.items():
        distinct.setdefault(tuple(reading.get(one, -1) for one in sorted(written)), start)
    starts = list(distinct.values())
    if not starts or starts == [None]:
        return readings[None], ()
    if counted and len(starts) == 1:
        return readings[starts[0]], ()

    found = _count_overlaps(truth, image, boxes, number)
    right = {start: sum(found.get(pair, 0) for pair in readings[start].items()) for start in starts}
    best = max(right, key=lambda start: right[start])
    others = max([count for start, count in right.items() if start != best], default=0)
    clear = right[best] >= max(LEAST, TIMES * others)
    if counted and clear:
        return readings[best], _notes(truth, best, from_one)
    if counted and from_one and 1 in starts:
        return readings[1], ()
    if not counted and None in starts and not (clear and best is not None):
        return readings[None], ()
    raise DataError(_question(truth, place, written, right))


def _starts(truth: GroundTruth) -> Iterable[int]:
    """Numbers that the first class may have: 0 and 1, also of the first class with objects (Roboflow's 0 has none)."""
    classes = sorted(truth.classes)
    used = np.isin(classes, np.unique(truth.category))
    unused = int(np.argmax(used))
    return dict.fromkeys((0, 1, -unused, 1 - unused))


def _count_overlaps(truth: GroundTruth, image: Array, boxes: Array, number: Array) -> dict[tuple[int, int], int]:
    """How many boxes of each number lie on objects of each category: (number, category) -> boxes of a sample."""
    found: Counter[tuple[int, int]] = Counter()
    images = np.unique(image)
    for one in images[:: max(1, len(image) // SAMPLE)]:
        here, objects = (slice(*np.searchsorted(column, [one, one + 1])) for column in (image, truth.image))
        overlap = iou(boxes[here], truth.boxes[objects])
        if overlap.size:
            lies = overlap.max(axis=1) >= OVERLAP
            category = truth.category[objects][overlap.argmax(axis=1)]
            found.update(zip(number[here][lies].tolist(), category[lies].tolist(), strict=True))
    return found


def _notes(truth: GroundTruth, start: int | None, from_one: bool) -> tuple[str, ...]:
    """What to know about a reading that is not the usual one."""
    if start in (None, 0) or (start == 1 and from_one):
        return ()
    first = min(truth.classes)
    return (
        f"classes in the results are read as first_category={start} ({start} is {truth.classes[first]}), because so "
        "the boxes lie on objects of their class",
    )


def _question(truth: GroundTruth, place: str, written: set[int], right: dict[int | None, int]) -> str:
    """What is to be said, and what speaks for which reading."""
    numbers = listed(sorted(written))
    known = listed(f"{number} {name}" for number, name in sorted(truth.classes.items()))
    ways = []
    for start, count in sorted(right.items(), key=lambda item: -item[1]):
        first = min(truth.classes) if start is None else start
        stand = "as they stand, " if start is None else ""
        boxes = f"{count} box{'es' * (count != 1)} of a sample would lie on objects of their class"
        ways.append(f"first_category={first} ({stand}{boxes})")
    return (
        f"{place}: classes are numbered {numbers}, and in the annotations {known}; say how the results count them: "
        f"{' or '.join(ways)}"
    )
