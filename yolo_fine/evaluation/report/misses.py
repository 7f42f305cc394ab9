# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a detector got wrong at one confidence, counted, and the worst of it to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product, zip_longest

import numpy as np

from yolo_fine.evaluation.metrics import SizeBin
from yolo_fine.evaluation.report.matching import best_f1_confidence, judge
from yolo_fine.evaluation.report.mistakes import KINDS, Mistakes, mistakes_by_kind
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array


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
    box: Array
    side: float
    size: str
    badness: float
    partner_box: Array | None
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
    judged = judge(truth, detections)
    rows = np.flatnonzero(judged.detections)
    objects = int(judged.objects.sum())
    if confidence is None:
        confidence = best_f1_confidence(detections.score[rows], judged.match[rows] >= 0, objects)
    counted = rows[detections.score[rows] >= confidence]
    result = Misses(confidence, objects, len(counted), int(np.sum(judged.match[counted] >= 0)))

    ranked: dict[tuple[str, str], list[Miss]] = {}
    sizes = [*(size.name for size in bins), ""]
    for kind, some in mistakes_by_kind(truth, detections, judged, counted).items():
        of_size = size_indices(some.side, bins)
        result.counts[kind] = {}
        for index, size in enumerate(sizes):
            at = np.flatnonzero(of_size == index)
            if len(at):
                result.counts[kind][size] = len(at)
                worst = at[np.argsort(-some.badness[at], kind="stable")[:limit]].tolist()
                ranked[size, kind] = [miss_at(place, kind, size, some, (truth, detections)) for place in worst]
    groups = [ranked[key] for key in product(sizes, KINDS) if key in ranked]
    in_turn = [miss for turn in zip_longest(*groups) for miss in turn if miss is not None]
    result.worst = in_turn[:limit]
    return result


def size_indices(side: Array, bins: Sequence[SizeBin]) -> Array:
    """Index of the first bin that holds each side (pixels), shape (n,); ``len(bins)`` if none does."""
    index = np.full(len(side), len(bins))
    for at, size in reversed(list(enumerate(bins))):
        index[(side >= size.min_side) & (side < (np.inf if size.max_side is None else size.max_side))] = at
    return index


def miss_at(at: int, kind: str, size: str, some: Mistakes, boxes: tuple[GroundTruth, Detections]) -> Miss:
    """One of the mistakes of a kind, with its boxes."""
    truth, detections = boxes
    row, partner, is_missed = int(some.row[at]), int(some.partner[at]), kind == "missed"
    own, other = (truth, detections) if is_missed else (detections, truth)
    detection = partner if is_missed else row
    return Miss(
        kind=kind,
        image=int(own.image[row]),
        category=int(own.category[row]),
        box=own.boxes[row],
        side=float(some.side[at]),
        size=size,
        badness=float(some.badness[at]),
        partner_box=None if partner < 0 else other.boxes[partner],
        partner_category=None if partner < 0 else int(other.category[partner]),
        iou=float(some.overlap[at]),
        score=None if detection < 0 else float(detections.score[detection]),
    )
