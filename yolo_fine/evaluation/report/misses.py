# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a detector got wrong, object by object, and the worst of it to look at.

This judges at one operating point (one confidence, IoU 0.50), to find examples; it is no evaluator, and no figure of an
evaluation comes from here. Detections are matched as in COCO: by falling confidence, each takes the free object of its
class that it overlaps most. The kinds follow TIDE (Bolya et al., ECCV 2020), named for a reader.

What lies half or more inside a region that no class covers (VisDrone's ignored regions and "others"), and detections on
a crowd of their own class, is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from yolo_fine.evaluation.evaluation import SizeBin
from yolo_fine.evaluation.objects import Detections, GroundTruth
from yolo_fine.evaluation.report.overlaps import covered, intersections, iou

MATCH_IOU = 0.5  # from here on, a box is on the object
NEAR_IOU = 0.1  # below, a box has nothing to do with the object

KINDS = {
    "missed": "no detection on an annotated object",
    "false positive": "a detection where nothing of its class is annotated",
    "wrong class": "a detection on an object of another class",
    "badly located": "a detection of the right class that overlaps an object too little, and nothing else found it",
    "duplicate": "one more detection on an object that is found already",
}


@dataclass(frozen=True)
class Miss:
    """One mistake.

    Attributes:
        kind: One of :data:`KINDS`.
        picture: Index into the ground truth's names.
        category: Class of the missed object, or of the wrong detection.
        box: That object or detection: left, top, width, height in pixels.
        partner: Index of the other side: the detection nearest to a missed object, or the object nearest to a wrong
            detection; None if nothing overlaps it by IoU 0.1.
        partner_box: Its box.
        partner_category: Its class.
        score: Confidence of the detection; None for a missed object with no detection near.
        iou: Overlap of box and partner; 0 without one.
        side: Square root of the area of the object (of the detection, for a false positive), pixels.
        size: Name of the size bin, "" if none fits.
        badness: 0 to 1, for order within a kind: the confidence of a wrong detection; for a missed object, the share
            of annotated objects that are smaller.
    """

    kind: str
    picture: int
    category: int
    box: np.ndarray
    partner: int | None
    partner_box: np.ndarray | None
    partner_category: int | None
    score: float | None
    iou: float
    side: float
    size: str
    badness: float


@dataclass
class Misses:
    """All mistakes at one confidence, counted, and the worst of them.

    Attributes:
        confidence: Detections below it were left aside.
        objects: Judged objects. ``found`` of them were matched.
        detections: Judged detections at that confidence.
        counts: Kind -> size bin -> number of mistakes.
        worst: In turn over kinds and size bins, worst first, so that every kind and size is represented.
    """

    confidence: float
    objects: int
    found: int
    detections: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    worst: list[Miss] = field(default_factory=list)


@dataclass(frozen=True)
class _Picture:
    """What is judged in one picture: row numbers of objects and detections, and their overlaps."""

    index: int
    objects: np.ndarray
    detections: np.ndarray
    iou: np.ndarray  # (detections, objects)


def find_misses(
    truth: GroundTruth,
    detections: Detections,
    bins: Sequence[SizeBin],
    confidence: float | None = None,
    limit: int = 60,
) -> Misses:
    """Find the mistakes of a detector.

    Args:
        truth: The annotated objects.
        detections: The detector's boxes.
        bins: Size bins, for the ``size`` of a miss.
        confidence: Detections below it are left aside; None takes the confidence of the best F1 over all classes.
        limit: How many to return in ``worst``.
    """
    pictures = list(_judged_pictures(truth, detections))
    match = np.full(len(detections), -1)  # detection -> object
    for picture in pictures:
        _match(picture, truth, detections, match)
    rows = np.concatenate([p.detections for p in pictures]) if pictures else np.zeros(0, int)
    judged_objects = sum(len(picture.objects) for picture in pictures)
    if confidence is None:
        confidence = best_f1(detections.score[rows], match[rows] >= 0, judged_objects)
    counted = rows[detections.score[rows] >= confidence]
    match[detections.score < confidence] = -1
    result = Misses(confidence, judged_objects, int(np.sum(match[counted] >= 0)), len(counted))
    ranked_areas = np.sort(truth.area[np.isin(truth.category, list(truth.classes)) & ~truth.crowd])
    groups: dict[tuple[str, str], list[Miss]] = {}
    for picture in pictures:
        for miss in _misses_of(picture, truth, detections, match, confidence, bins, ranked_areas):
            groups.setdefault((miss.kind, miss.size), []).append(miss)
    names = [size.name for size in bins]
    for kind in KINDS:
        sizes = [size for size in (*names, "") if (kind, size) in groups]
        result.counts[kind] = {size: len(groups[kind, size]) for size in sizes}
    result.worst = _in_turn(groups, names)[:limit]
    return result


def best_f1(score: np.ndarray, correct: np.ndarray, objects: int) -> float:
    """The confidence with the best F1 = 2 TP / (detections + objects); 0.0 without detections."""
    if not len(score):
        return 0.0
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    f1 = 2 * np.cumsum(correct[order]) / (np.arange(1, len(score) + 1) + objects)
    last_of_its_score = np.append(ranked[1:] != ranked[:-1], True)
    return float(ranked[np.argmax(np.where(last_of_its_score, f1, -1.0))])


def _judged_pictures(truth: GroundTruth, detections: Detections) -> Iterator[_Picture]:
    classes = list(truth.classes)
    object_known, detection_known = np.isin(truth.category, classes), np.isin(detections.category, classes)
    edges = np.arange(len(truth.names) + 1)
    object_at, detection_at = np.searchsorted(truth.picture, edges), np.searchsorted(detections.picture, edges)
    for index in range(len(truth.names)):
        objects = np.arange(object_at[index], object_at[index + 1])
        found = np.arange(detection_at[index], detection_at[index + 1])
        regions = truth.boxes[objects[truth.crowd[objects] & ~object_known[objects]]]
        crowds = objects[truth.crowd[objects] & object_known[objects]]
        objects = objects[object_known[objects] & ~truth.crowd[objects]]
        found = found[detection_known[found]]
        objects = objects[covered(truth.boxes[objects], regions) < 0.5]
        found = found[covered(detections.boxes[found], regions) < 0.5]
        if len(crowds):
            found = found[~_on_own_crowd(truth, detections, crowds, found)]
        yield _Picture(index, objects, found, iou(detections.boxes[found], truth.boxes[objects]))


def _on_own_crowd(truth: GroundTruth, detections: Detections, crowds: np.ndarray, found: np.ndarray) -> np.ndarray:
    shared = intersections(detections.boxes[found], truth.boxes[crowds])
    area = np.maximum(detections.boxes[found, 2] * detections.boxes[found, 3], 1e-9)
    same = detections.category[found][:, None] == truth.category[crowds][None, :]
    return ((shared / area[:, None] >= MATCH_IOU) & same).any(1)


def _match(picture: _Picture, truth: GroundTruth, detections: Detections, match: np.ndarray) -> None:
    """Fill in ``match``. Detections below any confidence change nothing above it, so this holds for every confidence."""
    same = detections.category[picture.detections][:, None] == truth.category[picture.objects][None, :]
    detection, thing = np.nonzero(same & (picture.iou >= MATCH_IOU))
    score = detections.score[picture.detections][detection]
    taken: set[int] = set()
    for pair in np.lexsort((-picture.iou[detection, thing], detection, -score)):
        row, target = int(picture.detections[detection[pair]]), int(picture.objects[thing[pair]])
        if match[row] < 0 and target not in taken:
            match[row] = target
            taken.add(target)


def _misses_of(
    picture: _Picture,
    truth: GroundTruth,
    detections: Detections,
    match: np.ndarray,
    confidence: float,
    bins: Sequence[SizeBin],
    ranked_areas: np.ndarray,
) -> Iterator[Miss]:
    objects, rows, overlap = picture.objects, picture.detections, picture.iou
    explained = set(match[rows].tolist())
    is_found = np.isin(objects, match[rows])
    for at in np.flatnonzero((match[rows] < 0) & (detections.score[rows] >= confidence)):
        category = int(detections.category[rows[at]])
        same = truth.category[objects] == category
        kind, partner = _kind_of(overlap[at], same, is_found)
        target = int(objects[partner]) if partner is not None else None
        box = detections.boxes[rows[at]]
        own_size = kind == "false positive" or target is None
        side = float(np.sqrt(box[2] * box[3] if own_size else truth.area[target]))
        if kind in ("wrong class", "badly located"):
            explained.add(target)
        yield Miss(
            kind=kind,
            picture=picture.index,
            category=category,
            box=box,
            partner=target,
            partner_box=None if target is None else truth.boxes[target],
            partner_category=None if target is None else int(truth.category[target]),
            score=float(detections.score[rows[at]]),
            iou=0.0 if partner is None else float(overlap[at, partner]),
            side=side,
            size=size_name(side, bins),
            badness=float(detections.score[rows[at]]),
        )
    for at, target in enumerate(objects.tolist()):
        if target in explained:
            continue
        nearest = int(np.argmax(overlap[:, at])) if len(rows) else None
        if nearest is not None and overlap[nearest, at] < NEAR_IOU:
            nearest = None
        row = None if nearest is None else int(rows[nearest])
        side = float(np.sqrt(truth.area[target]))
        yield Miss(
            kind="missed",
            picture=picture.index,
            category=int(truth.category[target]),
            box=truth.boxes[target],
            partner=row,
            partner_box=None if row is None else detections.boxes[row],
            partner_category=None if row is None else int(detections.category[row]),
            score=None if row is None else float(detections.score[row]),
            iou=0.0 if nearest is None else float(overlap[nearest, at]),
            side=side,
            size=size_name(side, bins),
            badness=float(np.searchsorted(ranked_areas, truth.area[target]) / max(1, len(ranked_areas))),
        )


def _kind_of(overlap: np.ndarray, same: np.ndarray, is_found: np.ndarray) -> tuple[str, int | None]:
    """The kind of an unmatched detection, from its overlaps with the objects, their class and whether they are found."""
    if not len(overlap):
        return "false positive", None
    nearest = int(np.argmax(overlap))
    if overlap[nearest] >= MATCH_IOU:
        return ("duplicate" if same[nearest] else "wrong class"), nearest
    own = np.where(same & ~is_found, overlap, 0.0)
    if own.max() >= NEAR_IOU:
        return "badly located", int(np.argmax(own))
    return "false positive", nearest if overlap[nearest] >= NEAR_IOU else None


def size_name(side: float, bins: Sequence[SizeBin]) -> str:
    """Name of the first bin that holds an object of that side (pixels), "" if none does."""
    for size in bins:
        if side >= size.min_side and (size.max_side is None or side < size.max_side):
            return size.name
    return ""


def _in_turn(groups: dict[tuple[str, str], list[Miss]], sizes: Sequence[str]) -> list[Miss]:
    """The worst of every group, then the second worst of every group, and so on."""
    order = [groups[kind, size] for size in (*sizes, "") for kind in KINDS if (kind, size) in groups]
    ranked = [sorted(group, key=lambda miss: -miss.badness) for group in order]
    return [miss for turn in zip_longest(*ranked) for miss in turn if miss is not None]
