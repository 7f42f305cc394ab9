# SPDX-License-Identifier: AGPL-3.0-or-later
"""Detections and objects of one image that overlap, in all images: what every matching starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.formats.objects import Detections, GroundTruth
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.boxes import intersections

CELLS = 2**20  # of the table of detections and objects that is worked on at a time


@dataclass(frozen=True)
class Pairs:
    """Overlapping pairs, in the order of images.

    Attributes:
        detection: Row of the detections, shape (pairs,).
        target: Row of the ground truth, shape (pairs,).
        overlap: Intersection over union; for crowds the intersection over the detection's area. Shape (pairs,).
    """

    detection: Array
    target: Array
    overlap: Array

    def __getitem__(self, chosen: Array) -> Pairs:
        """Some of the pairs, by a mask or by indices."""
        return Pairs(self.detection[chosen], self.target[chosen], self.overlap[chosen])


def overlapping_pairs(truth: GroundTruth, detections: Detections, least: float) -> Pairs:
    """Pairs of one image, of any categories, that overlap by ``least`` or more.

    Coordinates are continuous. Boxes that only touch, and boxes without area, overlap nothing.
    """
    area = detections.boxes[:, 2] * detections.boxes[:, 3]
    target_area = np.where(truth.crowd, 0.0, truth.boxes[:, 2] * truth.boxes[:, 3])
    edges = np.arange(len(truth.names) + 1)
    targets, found = np.searchsorted(truth.image, edges), np.searchsorted(detections.image, edges)
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for image in np.flatnonzero((np.diff(targets) > 0) & (np.diff(found) > 0)).tolist():
        there = slice(targets[image], targets[image + 1])
        step = max(1, CELLS // (there.stop - there.start))
        for start in range(found[image], found[image + 1], step):
            here = slice(start, min(start + step, found[image + 1]))
            shared = intersections(detections.boxes[here], truth.boxes[there])
            row, column = np.nonzero(shared)
            shared, row, column = shared[row, column], row + here.start, column + there.start
            union = area[row] + target_area[column] - np.where(truth.crowd[column], 0.0, shared)
            overlap = shared / union
            near = overlap >= least
            parts.append((row[near], column[near], overlap[near]))
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
