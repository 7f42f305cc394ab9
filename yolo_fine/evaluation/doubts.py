# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether boxes are what they are taken for: classes of other numbers, boxes of another form, boxes of other images.

Files of detections say nothing of all that. The evidence is what lies on what: boxes that lie on objects under another
reading, and hardly under the usual one, are told in a note. A metric near 0 never comes without one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from yolo_fine.evaluation.coco.score import CONFUSION_SCORE
from yolo_fine.formats.box_form import READ_AS, form_of
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.boxes import iou

SAMPLE = 20_000  # boxes that are compared with objects, about
OVERLAP = 0.5  # IoU from which a box lies on an object
LEAST, TIMES = 5, 3  # a reading is better with so many boxes on their objects, and so many times more
MANY, FEW = 0.1, 0.01  # of those that could lie on one


def notes_on(truth: GroundTruth, detections: Detections) -> list[str]:
    """What a reader of the metrics should know about objects and boxes, in sentences."""
    notes = [*truth.notes, *detections.notes]
    told = False
    for what, image, boxes in (
        ("annotated", truth.image, truth.boxes),
        ("detected", detections.image, detections.boxes),
    ):
        form = form_of(boxes, truth.sizes[image])
        if form:
            notes.append(f"the {what} boxes look like {form}, {READ_AS}")
            told = what == "detected"
    notes += _on_scores(detections.score)
    if len(truth) and not len(detections):
        notes.append("there are no detections, so that every object is missed")
    if len(detections) and len(truth):
        found = _compare(truth, detections)
        notes += _from_overlaps(found, truth, told)
        if found.twice > MANY * found.boxes:
            notes.append(f"{found.twice} of {found.boxes} detections of a sample are there twice, and count as false")
    return notes


def _on_scores(score: Array) -> list[str]:
    """What scores say of their own scale."""
    if not len(score):
        return []
    if score.max() > 1 or score.min() < 0:
        return [
            f"scores reach from {score.min():.4g} to {score.max():.4g}, not from 0 to 1: AP needs their order alone, "
            f"but the confusion matrix counts detections from {CONFUSION_SCORE}"
        ]
    if len(score) > 1 and score.min() == score.max():
        return [f"all detections have the score {score[0]:.4g}: AP then depends on their order in the file"]
    return []


@dataclass
class _Overlaps:
    """Boxes of a sample that lie on objects.

    Attributes:
        boxes: Boxes of the sample, and ``objects`` those of its images.
        right: Boxes that lie on an object of their class.
        others: Pairs of classes (of the box, of the object below it) where they lie on one of another class alone.
        twice: Detections that equal an earlier one in image, class and box.
        forms: Boxes that would lie on an object of their class, by the form that they would have.
    """

    boxes: int = 0
    objects: int = 0
    right: int = 0
    twice: int = 0
    others: Counter[tuple[int, int]] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)


def _compare(truth: GroundTruth, detections: Detections) -> _Overlaps:
    """Lay the boxes of some images on their objects, in every form."""
    found = _Overlaps()
    for one in np.unique(detections.image)[:: max(1, len(detections) // SAMPLE)]:
        here, there = (slice(*np.searchsorted(column, [one, one + 1])) for column in (detections.image, truth.image))
        boxes, objects = detections.boxes[here], truth.boxes[there]
        found.boxes += len(boxes)
        found.objects += len(objects)
        found.twice += len(boxes) - len(np.unique(np.column_stack([boxes, detections.category[here]]), axis=0))
        if not len(objects):
            continue
        same = detections.category[here][:, None] == truth.category[there][None, :]
        lies = iou(boxes, objects) >= OVERLAP
        right = (lies & same).any(axis=1)
        found.right += int(right.sum())
        wrong = np.flatnonzero(lies.any(axis=1) & ~right)
        below = truth.category[there][lies[wrong].argmax(axis=1)]
        found.others.update(zip(detections.category[here][wrong].tolist(), below.tolist(), strict=True))
        for form, changed in _forms(boxes, truth.sizes[one]).items():
            found.forms[form] += int(((iou(changed, objects) >= OVERLAP) & same).any(axis=1).sum())
    return found


def _forms(boxes: Array, size: Array) -> dict[str, Array]:
    """Boxes as left, top, width, height in pixels, if they were of another form."""
    first, second = boxes[:, :2], boxes[:, 2:]
    whole = np.concatenate([size, size]).astype(np.float64)
    forms = {
        "centre x, centre y, width, height": np.concatenate([first - second / 2, second], axis=1),
        "corners x1, y1, x2, y2": np.concatenate([first, np.maximum(second - first, 0)], axis=1),
        "y before x (top, left, height, width)": boxes[:, [1, 0, 3, 2]],
    }
    shares = {f"shares of the image: {form}": changed * whole for form, changed in forms.items()}
    forms |= {**shares, "shares of the image: left, top, width, height": boxes * whole}
    for side in (640, 1280):
        ratio = size.max() / side
        margin = (side - size / ratio) / 2
        forms[f"pixels of the image resized to {side}"] = boxes * ratio
        padded = np.concatenate([first - margin, second], axis=1)
        forms[f"pixels of the image resized and padded to {side} x {side}"] = padded * ratio
    return forms


def _from_overlaps(found: _Overlaps, truth: GroundTruth, told: bool) -> list[str]:
    """What overlaps say; ``told`` where another form has been told of."""
    notes = []
    could = min(found.boxes, found.objects)
    enough = max(LEAST, TIMES * found.right, MANY * could)
    form, count = max(found.forms.items(), key=lambda item: item[1], default=("", 0))
    elsewhere = sum(found.others.values())
    if count >= enough and not told:
        notes.append(
            f"the detected boxes look like {form}: so {count} of a sample would lie on objects of their class; they "
            "were read as left, top, width, height in pixels"
        )
    elif elsewhere >= enough:
        (written, meant), pairs = found.others.most_common(1)[0]
        shown = {number: f"{number} {name}" for number, name in truth.classes.items()}
        notes.append(
            f"{elsewhere} detected boxes of a sample lie on objects of another class, most often "
            f"{shown.get(written, written)} on {shown.get(meant, meant)} ({pairs}): "
            "their classes may be in another order"
        )
    if found.right <= FEW * could:
        how_many = f"only {found.right} of {found.boxes} detected boxes of a sample overlap an object of their class"
        notes.append(
            f"{how_many if found.right else 'no detected box overlaps an object of its class'} by half (IoU 0.5): "
            "images, classes or the form of boxes may not be those of the annotations"
        )
    return notes
