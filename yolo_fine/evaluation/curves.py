# SPDX-License-Identifier: AGPL-3.0-or-later
"""Precision-recall curves in which each image counts as often as a weight says: what a bootstrap over images needs.

Detections are matched with objects within an image, whatever other images there are. So they are matched once, and
only pooling over images is done for every resample. An image of weight k counts as k copies of it whose detections
stand next to each other in the order of scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from yolo_fine.utils.arrays import Array


@dataclass(frozen=True)
class Curve:
    """What the curve of one class at one threshold is made of. Only hits raise recall, so they are all it needs.

    Attributes:
        position: Of the hits in the list of detections, ascending, shape (hits,).
        image: Of the hits, shape (hits,).
        neutral_image: Of the neutral detections of the list, shape (neutral,).
        neutral_before: How many neutral detections precede each hit, shape (hits,).
    """

    position: Array
    image: Array
    neutral_image: Array
    neutral_before: Array


@dataclass(frozen=True)
class ClassCurves:
    """The curves of one class.

    Attributes:
        objects: Image of each object that is to be found, shape (objects,).
        listed: Image of each detection by falling score, without those that are neutral at every threshold.
        curves: One a threshold.
    """

    objects: Array
    listed: Array
    curves: tuple[Curve, ...]

    def under(self, weights: Array) -> Iterator[tuple[Array, Array, Array]]:
        """For each threshold: new hits, hits so far, and the precision there, each (rows, hits).

        Args:
            weights: How often each image counts, shape (rows, images), int32: 64 bits take several times as long.
        """
        listed_up_to = _sums(weights, self.listed)
        for curve in self.curves:
            gains = np.take(weights, curve.image, axis=1)
            hits = np.cumsum(gains, axis=1, dtype=weights.dtype)
            counted = np.take(listed_up_to, curve.position, axis=1)
            if len(curve.neutral_image):
                neutral = _sums(weights, curve.neutral_image)
                counted -= np.take(np.pad(neutral, ((0, 0), (1, 0))), curve.neutral_before, axis=1)
            yield gains, hits, hits / np.maximum(counted, 1)


def class_curves(objects: Array, image: Array, hit: Array, neutral: Array) -> ClassCurves:
    """The curves of one class from its detections by falling score.

    Args:
        objects: Image of each object that is to be found, shape (objects,).
        image: Image of each detection, shape (detections,).
        hit: Whether it finds an object, shape (thresholds, detections), bool.
        neutral: Whether it doesn't count, likewise.
    """
    counts = ~neutral.all(axis=0)
    image, hit, neutral = image[counts], hit[:, counts], neutral[:, counts]
    curves = []
    for hit_here, neutral_here in zip(hit, neutral, strict=True):
        position, neutral_position = np.flatnonzero(hit_here), np.flatnonzero(neutral_here)
        before = np.searchsorted(neutral_position, position)
        curves.append(Curve(position, image[position], image[neutral_position], before))
    return ClassCurves(objects, image, tuple(curves))


def best_from_there(precision: Array) -> Array:
    """The best precision of each column and those behind it, likewise (rows, columns)."""
    best: Array = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return best


def _sums(weights: Array, images: Array) -> Array:
    """How much the images of some boxes weigh together up to each, shape (rows, boxes)."""
    sums: Array = np.cumsum(np.take(weights, images, axis=1), axis=1, dtype=weights.dtype)
    return sums


def count(weights: Array, images: Array) -> Array:
    """How much the images of some boxes weigh together, shape (rows,)."""
    total: Array = np.take(weights, images, axis=1).sum(axis=1)
    return total
