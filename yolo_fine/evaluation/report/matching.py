# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which detection found which object at IoU 0.50, to show examples from. No metric of an evaluation comes from here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.evaluation.matching import assign, candidates
from yolo_fine.evaluation.pairs import Pairs, overlapping_pairs
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.boxes import covered

MATCH_IOU = 0.5  # from here on, a box is on the object
NEAR_IOU = 0.1  # below, a box has nothing to do with the object
COVERED = 0.5  # a box covered as far as this by objects of no evaluated class is not judged


@dataclass(frozen=True)
class Judged:
    """What is judged.

    Attributes:
        objects: Whether each row of the ground truth is, shape (objects,), bool.
        detections: Whether each detection is, shape (detections,), bool.
        pairs: Those that overlap by :data:`NEAR_IOU` or more.
        match: Row of the object that each detection found, or -1; shape (detections,).
    """

    objects: Array
    detections: Array
    pairs: Pairs
    match: Array


def judge(truth: GroundTruth, detections: Detections) -> Judged:
    """Match what is judged: the evaluated classes, without crowds and without boxes in unjudged regions.

    Unjudged regions are objects of no evaluated class: VisDrone's ignored regions and "others". A detection that lies
    half or more in a crowd of its own class isn't judged either.

    A detection has no say in the matches of those with higher confidence, so a cut by confidence leaves the matches
    above it as they are.
    """
    is_region = ~np.isin(truth.category, list(truth.classes))
    objects, found = ~is_region & ~truth.crowd, np.isin(detections.category, list(truth.classes))
    for image in np.unique(truth.image[is_region]):
        here = slice(*np.searchsorted(truth.image, [image, image + 1]))
        regions = truth.boxes[here][is_region[here]]
        objects[here] &= covered(truth.boxes[here], regions) < COVERED
        here = slice(*np.searchsorted(detections.image, [image, image + 1]))
        found[here] &= covered(detections.boxes[here], regions) < COVERED
    pairs = overlapping_pairs(truth, detections, NEAR_IOU)
    same = detections.category[pairs.detection] == truth.category[pairs.target]
    found[pairs.detection[same & truth.crowd[pairs.target] & (pairs.overlap >= COVERED)]] = False
    pairs = pairs[objects[pairs.target] & found[pairs.detection]]

    ranked = candidates(truth, detections, pairs[pairs.overlap >= MATCH_IOU], found)
    match = np.full(len(detections), -1)
    match[ranked.row] = assign(ranked, np.ones(len(ranked.rank), dtype=bool))
    return Judged(objects, found, pairs, match)


def best_f1_confidence(score: Array, correct: Array, objects: int) -> float:
    """The confidence with the best F1 = 2 TP / (detections + objects); 0 without detections.

    Args:
        score: Confidence of each judged detection.
        correct: Whether it found an object.
        objects: Number of judged objects.
    """
    if not len(score):
        return 0.0
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    f1 = 2 * np.cumsum(correct[order]) / (np.arange(1, len(score) + 1) + objects)
    is_last_of_its_score = np.append(ranked[1:] != ranked[:-1], True)
    return float(ranked[np.argmax(np.where(is_last_of_its_score, f1, -1.0))])
