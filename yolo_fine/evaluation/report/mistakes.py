# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every mistake of a detector, by kind. The kinds follow TIDE (Bolya et al., ECCV 2020), named for a reader."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.evaluation.pairs import Pairs
from yolo_fine.evaluation.report.matching import MATCH_IOU, Judged
from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array

KINDS = {
    "missed": "no detection on an annotated object",
    "false positive": "a detection where nothing of its class is left to find",
    "wrong class": "a detection on an object of another class",
    "badly located": "a detection that overlaps an object of its class too little to find it",
    "duplicate": "one more detection on an object that is found already",
}


@dataclass(frozen=True)
class Mistakes:
    """The mistakes of one kind.

    Attributes:
        row: Row of the ground truth for missed objects, else of the detections; ascending.
        partner: Row of the other side, or -1.
        overlap: With it, 0 without one.
        side: Square root of the object's area, pixels; of the detection's for a false positive.
        badness: 0 to 1, for the order: the confidence of a wrong detection; for a missed object, the share of
            annotated objects that are smaller.
    """

    row: Array
    partner: Array
    overlap: Array
    side: Array
    badness: Array


def mistakes_by_kind(truth: GroundTruth, detections: Detections, judged: Judged, counted: Array) -> dict[str, Mistakes]:
    """Every wrong detection among the ``counted`` ones, and the objects that neither they nor right ones explain."""
    match = np.full(len(detections), -1)
    match[counted] = judged.match[counted]
    wrong = counted[match[counted] < 0]
    found = np.zeros(len(truth), dtype=bool)
    found[match[match >= 0]] = True
    kinds, partner, overlap = kinds_of(wrong, judged.pairs, detections.category, truth.category, found)

    area = detections.boxes[:, 2] * detections.boxes[:, 3]
    mistakes = {}
    for kind in KINDS:
        if kind != "missed":
            at = np.flatnonzero(kinds == kind)
            row, target = wrong[at], partner[at]
            own_size = (kind == "false positive") | (target < 0)
            side = np.sqrt(np.where(own_size, area[row], truth.area[target] if len(truth) else 0))
            mistakes[kind] = Mistakes(row, target, overlap[at], side, detections.score[row])
    explained = found.copy()
    for kind in ("wrong class", "badly located"):
        explained[mistakes[kind].partner] = True
    missed = np.flatnonzero(judged.objects & ~explained)
    partner, overlap = nearest(missed, judged.pairs.target, judged.pairs.detection, judged.pairs.overlap)
    areas = np.sort(truth.area[np.isin(truth.category, list(truth.classes)) & ~truth.crowd])
    smaller = np.searchsorted(areas, truth.area[missed]) / max(len(areas), 1)
    mistakes["missed"] = Mistakes(missed, partner, overlap, np.sqrt(truth.area[missed]), smaller)
    return {kind: mistakes[kind] for kind in KINDS}


def kinds_of(
    wrong: Array, pairs: Pairs, category: Array, target_category: Array, found: Array
) -> tuple[Array, Array, Array]:
    """The kinds of detections that found nothing, the object that each has to do with (or -1), and their overlap.

    Args:
        wrong: Rows of these detections, ascending, shape (n,).
        pairs: Judged detections and objects that overlap.
        category: Class of each detection.
        target_category: Class of each row of the ground truth.
        found: Whether a detection found it.
    """
    partner, overlap = nearest(wrong, pairs.detection, pairs.target, pairs.overlap)
    is_same = category[pairs.detection] == target_category[pairs.target]
    left = pairs[is_same & ~found[pairs.target]]
    own, own_overlap = nearest(wrong, left.detection, left.target, left.overlap)
    on_object = overlap >= MATCH_IOU
    same = np.zeros(len(wrong), dtype=bool)
    same[on_object] = category[wrong[on_object]] == target_category[partner[on_object]]
    badly = ~on_object & (own >= 0)
    rules = [on_object & same, on_object, badly]
    kinds = np.select(rules, ["duplicate", "wrong class", "badly located"], "false positive")
    return kinds, np.where(badly, own, partner), np.where(badly, own_overlap, overlap)


def nearest(rows: Array, side: Array, other: Array, overlap: Array) -> tuple[Array, Array]:
    """For each of some rows of one side, the row of the other that it overlaps most (or -1), and how far.

    Args:
        rows: Ascending, shape (n,).
        side: One side of each pair, shape (pairs,).
        other: The other side, shape (pairs,).
        overlap: Of each pair, shape (pairs,).
    """
    order = np.lexsort((other, -overlap, side))
    first = order[np.append(True, side[order][1:] != side[order][:-1])[: len(order)]]
    at = np.searchsorted(side[first], rows)
    has_one = np.isin(rows, side[first])
    partner, shared = np.full(len(rows), -1), np.zeros(len(rows))
    partner[has_one], shared[has_one] = other[first[at[has_one]]], overlap[first[at[has_one]]]
    return partner, shared
