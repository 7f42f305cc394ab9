# SPDX-License-Identifier: AGPL-3.0-or-later
"""VisDrone's matching of detections to objects, for all images, classes, thresholds and limits at once.

The protocol goes through the detections of an image and class by falling score, and gives each the best object that is
left. Here every detection that nobody with a higher score competes with for its best object is decided at the same
time, in rounds, which gives the same pairs: what is best among all that is left stays best when others take the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.formats.objects import Detections, GroundTruth

# As Octave builds 0.5:0.05:0.95; 0.85 comes out one bit larger than the literal, and an overlap of 17/20 is below it.
IOU_THRESHOLDS = 0.5 + 0.05 * np.arange(10)
MAX_DETECTIONS = (1, 10, 100, 500)


@dataclass(frozen=True)
class Curve:
    """What the precision-recall curve of one class at one threshold is made of.

    Only true positives raise recall, so the curve is known from what precedes each of them. Positions are those in the
    class's list of detections by falling score; "neutral" are detections matched to an object that counts for none.

    Attributes:
        position: Of the true positives, ascending, shape (hits,).
        image: Of the true positives, shape (hits,).
        neutral_image: Of the neutral detections, shape (neutral,).
        neutral_before: How many of them precede each true positive, shape (hits,).
    """

    position: np.ndarray
    image: np.ndarray
    neutral_image: np.ndarray
    neutral_before: np.ndarray


@dataclass(frozen=True)
class Matches:
    """The outcome of the matching, by image, so that images can be weighted afterwards.

    Attributes:
        listed: For each class the images of its detections by falling score (of the run with the highest limit).
        curves: For each class and threshold, ``curves[class][threshold]``.
        hits: Matched objects, shape (images, classes, thresholds, limits), float64.
        objects: Objects, those of score 0 included, shape (images, classes), float64.
    """

    listed: list[np.ndarray]
    curves: list[list[Curve]]
    hits: np.ndarray
    objects: np.ndarray


def match(truth: GroundTruth, detections: Detections) -> Matches:
    """Match what is left after dropping.

    Args:
        truth: The objects, without ignored regions.
        detections: The boxes in file order, with those of other categories: they take places under the limits.
    """
    classes = np.array(sorted(truth.classes), dtype=np.int64)
    images = len(truth.names)
    starts = np.searchsorted(detections.image, np.arange(images))
    place = np.arange(len(detections)) - starts[detections.image]

    # From here on a detection is known by its rank: score falling, ties in the order of images, then of the file.
    ranked = np.argsort(-detections.score, kind="stable")
    ranked = ranked[(place[ranked] < max(MAX_DETECTIONS)) & np.isin(detections.category[ranked], classes)]
    place, image = place[ranked], detections.image[ranked]
    column = np.searchsorted(classes, detections.category[ranked])
    objects = np.flatnonzero(np.isin(truth.category, classes))
    object_column = np.searchsorted(classes, truth.category[objects])

    rank, partner, overlap = _overlapping_pairs(truth, detections, ranked, objects)
    crowd = truth.crowd[objects]
    cover = np.zeros(len(ranked))  # of each detection by the object of score 0 that covers it most
    np.maximum.at(cover, rank[crowd[partner]], overlap[crowd[partner]])
    real = ~crowd[partner]
    rank, partner, overlap = rank[real], partner[real], overlap[real]

    hit = np.zeros((len(IOU_THRESHOLDS), len(ranked)), dtype=bool)
    hits = np.zeros((images, len(classes), len(IOU_THRESHOLDS), len(MAX_DETECTIONS)))
    for limit_index, limit in enumerate(MAX_DETECTIONS):  # ascending: ``hit`` is left as the last run makes it
        for threshold_index, threshold in enumerate(IOU_THRESHOLDS):
            pairs = (overlap >= threshold) & (place[rank] < limit)
            matched = _assign(rank[pairs], partner[pairs], len(ranked), len(objects))
            hit[threshold_index] = matched
            np.add.at(hits[:, :, threshold_index, limit_index], (image[matched], column[matched]), 1)
    neutral = ~hit & (cover >= IOU_THRESHOLDS[:, None])

    counts = np.zeros((images, len(classes)))
    np.add.at(counts, (truth.image[objects], object_column), 1)
    listed, curves = [], []
    for index in range(len(classes)):
        members = np.flatnonzero(column == index)
        listed.append(image[members])
        curves.append([_curve(listed[-1], hit[t, members], neutral[t, members]) for t in range(len(IOU_THRESHOLDS))])
    return Matches(listed, curves, hits, counts)


def _overlapping_pairs(
    truth: GroundTruth, detections: Detections, ranked: np.ndarray, objects: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of one image and category that overlap enough for the lowest threshold.

    Overlap is intersection over union, or over the detection's area for objects of score 0.

    Args:
        truth: The objects.
        detections: The boxes.
        ranked: Detection of each rank, shape (ranks,).
        objects: The evaluated objects, shape (objects,).

    Returns:
        Rank, position in ``objects``, and overlap, each of shape (pairs,), in the order in which a detection is chosen
        for: rank rising, overlap falling, of equal overlaps the object that stands last in its file first.
    """
    by_image = np.argsort(detections.image[ranked], kind="stable")
    numbers = np.arange(len(truth.names) + 1)
    rank_limits = np.searchsorted(detections.image[ranked[by_image]], numbers)
    object_limits = np.searchsorted(truth.image[objects], numbers)
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for index in range(len(truth.names)):
        ranks = by_image[rank_limits[index] : rank_limits[index + 1]]
        first = object_limits[index]
        here, there = ranked[ranks], objects[first : object_limits[index + 1]]
        row, col = np.nonzero(detections.category[here][:, None] == truth.category[there][None, :])
        overlap = _overlap(detections.boxes[here[row]], truth.boxes[there[col]], truth.crowd[there[col]])
        near = overlap >= IOU_THRESHOLDS[0]
        found.append((ranks[row[near]], first + col[near], overlap[near]))
    rank, partner, overlap = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((-partner, -overlap, rank))
    return rank[order], partner[order], overlap[order]


def _overlap(boxes: np.ndarray, others: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Overlap of row i with row i, shape (n,): continuous coordinates, 0 for boxes that only touch or have no area."""
    near_corner = np.maximum(boxes[:, :2], others[:, :2])
    far_corner = np.minimum(boxes[:, :2] + boxes[:, 2:], others[:, :2] + others[:, 2:])
    shared = np.maximum(0, far_corner - near_corner).prod(axis=1)
    area, other_area = boxes[:, 2] * boxes[:, 3], others[:, 2] * others[:, 3]
    whole = np.where(crowd, area, area + other_area - shared)
    return np.divide(shared, whole, out=np.zeros(len(shared)), where=shared > 0)


def _assign(rank: np.ndarray, partner: np.ndarray, detections: int, objects: int) -> np.ndarray:
    """Whether each detection gets an object, shape (detections,), bool.

    Args:
        rank: Detection of each candidate pair, in the order of :func:`_overlapping_pairs`, shape (pairs,).
        partner: Its object, shape (pairs,).
        detections: Number of detections.
        objects: Number of objects.
    """
    matched = np.zeros(detections, dtype=bool)
    taken = np.zeros(objects, dtype=bool)
    while len(rank):
        is_best = np.append(True, rank[1:] != rank[:-1])
        first_rank = np.full(objects, detections)
        np.minimum.at(first_rank, partner, rank)
        wins = is_best & (first_rank[partner] == rank)
        matched[rank[wins]] = True
        taken[partner[wins]] = True
        left = ~(matched[rank] | taken[partner])
        rank, partner = rank[left], partner[left]
    return matched


def _curve(image: np.ndarray, hit: np.ndarray, neutral: np.ndarray) -> Curve:
    """The curve of one class at one threshold from its detections by falling score, each of shape (detections,)."""
    position, neutral_position = np.flatnonzero(hit), np.flatnonzero(neutral)
    neutral_before = np.searchsorted(neutral_position, position)
    return Curve(position, image[position], image[neutral_position], neutral_before)
