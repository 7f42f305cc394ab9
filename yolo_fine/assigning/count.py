# SPDX-License-Identifier: AGPL-3.0-or-later
"""Candidates of all objects of a split, at one input size, by size bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from yolo_fine.assigning.candidates import contested, count_candidates, letterboxed, spans
from yolo_fine.assigning.result import EDGES, Bin, make_bin
from yolo_fine.assigning.rules import Rule, make_rule
from yolo_fine.errors import DataError
from yolo_fine.formats.objects import GroundTruth
from yolo_fine.utils.arrays import Array

MAX_CONTESTED = 2000  # images in which objects are compared with each other


@dataclass(frozen=True)
class Count:
    """All objects, those of each size bin, and what to know about the numbers."""

    overall: Bin
    bins: list[Bin]
    notes: list[str]


def count_objects(truth: GroundTruth, imgsz: int, strides: Sequence[float], rule: Rule) -> Count:
    """Count the candidates of every object that has an area.

    Raises:
        DataError: There is none.
    """
    boxes, image = input_boxes(truth, imgsz)
    found = spans(boxes, rule, strides, imgsz)
    counts = count_candidates(found).sum(axis=1)
    empty = count_candidates(spans(boxes, make_rule("8.3", strides), strides, imgsz)) == 0
    fought_over, compared, notes = _contested(found, image, strides, imgsz)
    size = np.sqrt(boxes[:, 2] * boxes[:, 3])

    def share(low: float, high: float | None, chosen: Array) -> Bin:
        one = make_bin(low, high, chosen, counts=counts, empty=empty, fought_over=fought_over)
        among = chosen & compared
        return replace(one, contested=float(fought_over[among].mean()) if among.any() else 0.0)

    bins = [
        share(low, None if np.isinf(high) else high, (size >= low) & (size < high)) for low, high in pairwise(EDGES)
    ]
    return Count(share(0.0, None, np.ones(len(size), dtype=bool)), bins, notes)


def share_unseen(truth: GroundTruth, imgsz: int, strides: Sequence[float], rule: Rule) -> float:
    """Share of the objects without a candidate."""
    boxes, _ = input_boxes(truth, imgsz)
    return float((count_candidates(spans(boxes, rule, strides, imgsz)).sum(axis=1) == 0).mean())


def input_boxes(truth: GroundTruth, imgsz: int) -> tuple[Array, Array]:
    """Objects with an area as training sees them (centre and sides), and the index of each one's image.

    Raises:
        DataError: There is none.
    """
    kept = (truth.boxes[:, 2:] > 0).all(axis=1)
    if not kept.any():
        raise DataError("the split has no objects")
    image = truth.image[kept]
    return letterboxed(truth.boxes[kept], truth.sizes[image].astype(np.float64), imgsz), image


def _contested(found: Array, image: Array, strides: Sequence[float], imgsz: int) -> tuple[Array, Array, list[str]]:
    """Which objects are contested, which were compared with others, and a note if not all were."""
    present = np.unique(image)
    if len(present) <= MAX_CONTESTED:
        return contested(found, image, strides, imgsz), np.ones(len(image), dtype=bool), []
    some = present[np.linspace(0, len(present) - 1, MAX_CONTESTED).astype(int)]
    compared = np.isin(image, some)
    result = np.zeros(len(image), dtype=bool)
    result[compared] = contested(found[compared], image[compared], strides, imgsz)
    return result, compared, [f"contested: counted on {MAX_CONTESTED} of {len(present)} images"]
