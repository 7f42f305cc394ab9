# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which detection finds which object, under the rule that COCO and VisDrone share.

The detections of an image and class choose by falling score. Each takes the object that it overlaps most among those
that are left (of equal overlaps the one that is listed last); if none is left that counts, one that is ignored, and
then the detection is neutral: neither right nor wrong. A crowd is ignored and can be taken any number of times.

Here every detection that nobody with a higher score competes with for its best object is decided at the same time, in
rounds. That gives the same matches: what is best among all that is left stays best when others take the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.evaluation.pairs import Pairs
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array

LEAST_OVERLAP = 0.5  # the lowest threshold of both protocols


@dataclass(frozen=True)
class Candidates:
    """Detections that take part, by falling score, and the objects that they may find.

    A detection is known by its rank: score falling, ties in the order of images, then of the file.

    Attributes:
        image: Image of each detection, shape (detections,).
        column: Its class, as an index into the sorted category numbers, shape (detections,).
        row: Its row among the detections that were read, shape (detections,).
        rank: Detection of each pair, ascending; within a detection the pairs are in its order of choice.
        target: Row of the ground truth of each pair.
        overlap: Of each pair.
        crowd: Whether each row of the ground truth is a crowd.
    """

    image: Array
    column: Array
    row: Array
    rank: Array
    target: Array
    overlap: Array
    crowd: Array


def candidates(truth: GroundTruth, detections: Detections, pairs: Pairs, allowed: Array) -> Candidates:
    """Rank the ``allowed`` detections, shape (detections,), bool, and keep their pairs with objects of their class."""
    classes = np.array(sorted(truth.classes), dtype=np.int64)
    ranked = np.argsort(-detections.score, kind="stable")
    ranked = ranked[(allowed & np.isin(detections.category, classes))[ranked]]
    rank_of = np.full(len(detections), -1)
    rank_of[ranked] = np.arange(len(ranked))

    pairs = pairs[
        (detections.category[pairs.detection] == truth.category[pairs.target]) & (rank_of[pairs.detection] >= 0)
    ]
    rank = rank_of[pairs.detection]
    order = np.lexsort((-pairs.target, -pairs.overlap, rank))
    return Candidates(
        image=detections.image[ranked],
        column=np.searchsorted(classes, detections.category[ranked]),
        row=ranked,
        rank=rank[order],
        target=pairs.target[order],
        overlap=pairs.overlap[order],
        crowd=truth.crowd,
    )


def match(found: Candidates, ignored: Array, thresholds: Array, allowed: Array | None = None) -> tuple[Array, Array]:
    """Match at every threshold.

    Args:
        found: The detections and their pairs.
        ignored: Whether each row of the ground truth counts for none, crowds included; shape (objects,), bool.
        thresholds: Least overlaps.
        allowed: Whether each detection takes part, shape (detections,), bool; by default all do.

    Returns:
        Whether each detection finds an object that counts, and whether it takes one that is ignored; both of shape
        (thresholds, detections), bool.
    """
    hit, neutral = (np.zeros((len(thresholds), len(found.image)), dtype=bool) for _ in range(2))
    is_ignored = ignored[found.target]
    takes_part = np.ones(len(found.rank), dtype=bool) if allowed is None else allowed[found.rank]
    for t, threshold in enumerate(thresholds):
        near = takes_part & (found.overlap >= threshold)
        hit[t] = assign(found, near & ~is_ignored) >= 0
        neutral[t] = assign(found, near & is_ignored & ~hit[t][found.rank]) >= 0
    return hit, neutral


def assign(found: Candidates, chosen: Array) -> Array:
    """Row of the object that each detection gets among the ``chosen`` pairs, or -1; shape (detections,)."""
    rank, target = found.rank[chosen], found.target[chosen]
    matched, taken = np.full(len(found.image), -1), np.zeros(len(found.crowd), dtype=bool)
    first_rank = np.zeros(len(found.crowd), dtype=np.int64)
    while len(rank):
        is_best = np.append(True, rank[1:] != rank[:-1])
        first_rank[target[::-1]] = rank[::-1]  # the last one that is written stays: the lowest rank
        wins = is_best & ((first_rank[target] == rank) | found.crowd[target])
        matched[rank[wins]] = target[wins]
        taken[target[wins & ~found.crowd[target]]] = True
        left = (matched[rank] < 0) & ~taken[target]
        rank, target = rank[left], target[left]
    return matched
