# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a detector got wrong at one confidence, object by object, and the worst of it to look at.

The kinds follow TIDE (Bolya et al., ECCV 2020), named for a reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from yolo_fine.evaluation.report.matching import (
    MATCH_IOU,
    JudgedImage,
    best_f1_confidence,
    judged_images,
    match_objects,
)
from yolo_fine.evaluation.result import SizeBin
from yolo_fine.formats.objects import Detections, GroundTruth

NEAR_IOU = 0.1  # below, a box has nothing to do with the object

KINDS = {
    "missed": "no detection on an annotated object",
    "false positive": "a detection where nothing of its class is left to find",
    "wrong class": "a detection on an object of another class",
    "badly located": "a detection that overlaps an object of its class too little to find it",
    "duplicate": "one more detection on an object that is found already",
}


@dataclass(frozen=True)
class Miss:
    """One mistake.

    Attributes:
        kind: One of :data:`KINDS`.
        image: Index into the ground truth's names.
        category: Class of the missed object, or of the wrong detection.
        box: That object or detection: left, top, width, height in pixels.
        side: Square root of the object's area, pixels; of the detection's for a false positive.
        size: Name of the size bin, "" if none fits.
        badness: 0 to 1, for the order within a kind: the confidence of a wrong detection; for a missed object, the
            share of annotated objects that are smaller.
        partner_box: The other side: the detection nearest to a missed object (of any confidence), the object nearest to
            a wrong detection. None if nothing overlaps it by IoU 0.1; then the next two are None and 0.
        partner_category: Its class.
        iou: How far the two overlap.
        score: Confidence of the detection among the two; None for a missed object with no detection near.
    """

    kind: str
    image: int
    category: int
    box: np.ndarray
    side: float
    size: str
    badness: float
    partner_box: np.ndarray | None
    partner_category: int | None
    iou: float
    score: float | None


@dataclass
class Misses:
    """All mistakes at one confidence, counted, and the worst of them.

    Attributes:
        confidence: Detections below it were left aside.
        objects: Number of judged objects.
        detections: Number of judged detections at that confidence.
        found: Number of objects that a detection found.
        counts: Kind -> size bin -> number of mistakes.
        worst: In turn over sizes and kinds, worst first, so that every size and kind is represented.
    """

    confidence: float
    objects: int
    detections: int
    found: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    worst: list[Miss] = field(default_factory=list)


def find_misses(
    truth: GroundTruth,
    detections: Detections,
    bins: Sequence[SizeBin],
    *,
    confidence: float | None = None,
    limit: int = 60,
) -> Misses:
    """Find the mistakes of a detector at IoU 0.50.

    Args:
        truth: The annotated objects.
        detections: The detector's boxes.
        bins: Size bins, for the ``size`` of a miss.
        confidence: Detections below it are left aside; None takes the confidence of the best F1 over all classes.
        limit: How many to return in ``worst``.
    """
    images = judged_images(truth, detections)
    match = match_objects(images, truth, detections)
    rows = np.concatenate([np.zeros(0, np.int64), *(image.detections for image in images)])
    objects = sum(len(image.objects) for image in images)
    if confidence is None:
        confidence = best_f1_confidence(detections.score[rows], match[rows] >= 0, objects)
    match[detections.score < confidence] = -1
    counted = rows[detections.score[rows] >= confidence]
    result = Misses(confidence, objects, len(counted), int(np.sum(match[counted] >= 0)))

    finder = _Finder(truth, detections, bins, match, confidence)
    groups: dict[tuple[str, str], list[Miss]] = {}
    for image in images:
        for miss in finder.misses_of(image):
            groups.setdefault((miss.size, miss.kind), []).append(miss)
    sizes = [*(size.name for size in bins), ""]
    for kind in KINDS:
        result.counts[kind] = {size: len(groups[size, kind]) for size in sizes if (size, kind) in groups}
    ranked = [
        sorted(groups[size, kind], key=lambda miss: -miss.badness)
        for size in sizes
        for kind in KINDS
        if (size, kind) in groups
    ]
    in_turn = [miss for turn in zip_longest(*ranked) for miss in turn if miss is not None]
    result.worst = in_turn[:limit]
    return result


class _Finder:
    """Goes through images, given which detection found which object."""

    def __init__(
        self,
        truth: GroundTruth,
        detections: Detections,
        bins: Sequence[SizeBin],
        match: np.ndarray,
        confidence: float,
    ) -> None:
        self.truth, self.detections, self.bins = truth, detections, bins
        self.match, self.confidence = match, confidence
        self.areas = np.sort(truth.area[np.isin(truth.category, list(truth.classes)) & ~truth.crowd])

    def misses_of(self, image: JudgedImage) -> Iterator[Miss]:
        """Wrong detections, then the objects that neither a right nor one of those wrong detections tells of."""
        told = set(self.match[image.detections].tolist())
        scores, matches = self.detections.score[image.detections], self.match[image.detections]
        is_found = np.isin(image.objects, matches)
        for at in np.flatnonzero((scores >= self.confidence) & (matches < 0)).tolist():
            row = int(image.detections[at])
            same = self.truth.category[image.objects] == self.detections.category[row]
            kind, nearest = kind_of(image.iou[at], same, is_found)
            target = None if nearest is None else int(image.objects[nearest])
            if kind in ("wrong class", "badly located"):
                told.add(target)
            yield self._wrong(kind, image, row, target, 0.0 if nearest is None else float(image.iou[at, nearest]))
        for at, target in enumerate(image.objects.tolist()):
            if target not in told:
                yield self._missed(image, target, image.iou[:, at])

    def _wrong(self, kind: str, image: JudgedImage, row: int, target: int | None, overlap: float) -> Miss:
        box, score = self.detections.boxes[row], float(self.detections.score[row])
        own_size = kind == "false positive" or target is None
        side = float(np.sqrt(box[2] * box[3] if own_size else self.truth.area[target]))
        return Miss(
            kind=kind,
            image=image.index,
            category=int(self.detections.category[row]),
            box=box,
            side=side,
            size=size_name(side, self.bins),
            badness=score,
            partner_box=None if target is None else self.truth.boxes[target],
            partner_category=None if target is None else int(self.truth.category[target]),
            iou=overlap,
            score=score,
        )

    def _missed(self, image: JudgedImage, target: int, overlaps: np.ndarray) -> Miss:
        nearest = int(np.argmax(overlaps)) if len(overlaps) and overlaps.max() >= NEAR_IOU else None
        row = None if nearest is None else int(image.detections[nearest])
        side = float(np.sqrt(self.truth.area[target]))
        return Miss(
            kind="missed",
            image=image.index,
            category=int(self.truth.category[target]),
            box=self.truth.boxes[target],
            side=side,
            size=size_name(side, self.bins),
            badness=float(np.searchsorted(self.areas, self.truth.area[target]) / len(self.areas)),
            partner_box=None if row is None else self.detections.boxes[row],
            partner_category=None if row is None else int(self.detections.category[row]),
            iou=0.0 if nearest is None else float(overlaps[nearest]),
            score=None if row is None else float(self.detections.score[row]),
        )


def kind_of(overlaps: np.ndarray, same: np.ndarray, is_found: np.ndarray) -> tuple[str, int | None]:
    """The kind of a detection that found nothing, and the object that it has to do with.

    Args:
        overlaps: Its IoU with every object of the image.
        same: Whether they are of its class.
        is_found: Whether another detection found them.
    """
    if not len(overlaps):
        return "false positive", None
    nearest = int(np.argmax(overlaps))
    if overlaps[nearest] >= MATCH_IOU:
        return "duplicate" if same[nearest] else "wrong class", nearest
    own = np.where(same & ~is_found, overlaps, 0.0)
    if own.max() >= NEAR_IOU:
        return "badly located", int(np.argmax(own))
    return "false positive", nearest if overlaps[nearest] >= NEAR_IOU else None


def size_name(side: float, bins: Sequence[SizeBin]) -> str:
    """Name of the first bin that holds an object of that side (pixels), "" if none does."""
    for size in bins:
        if side >= size.min_side and (size.max_side is None or side < size.max_side):
            return size.name
    return ""
