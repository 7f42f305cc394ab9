# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finds images that are there twice: equal files, and images that look the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from yolo_fine.utils.arrays import Array

MAX_DISTANCE = 10  # of 256 bits; at most 15, see near_pairs
NEIGHBOURS = 64
BITS = np.array([bin(value).count("1") for value in range(256)], dtype=np.uint8)


def same_groups(contents: Sequence[bytes]) -> list[list[int]]:
    """Groups of two or more indices whose contents are equal; empty contents are left out."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, content in enumerate(contents):
        if content:
            groups[content].append(index)
    return [group for group in groups.values() if len(group) > 1]


def near_pairs(looks: Array, max_distance: int = MAX_DISTANCE) -> list[tuple[int, int, int]]:
    """Pairs of hashes that differ in few bits.

    Two hashes of 256 bits that differ in at most 15 agree in at least one of their 16 bands of 16 bits. So only
    hashes with an equal band are compared, sorted, each with the next 64: time grows as n log n. Pairs may be missed
    where more than 64 images share a band.

    Args:
        looks: Shape (n, 32), uint8.
        max_distance: Bits in which a pair may differ, at most 15.

    Returns:
        Tuples (i, j, bits that differ), i < j, closest first.
    """
    bands = np.ascontiguousarray(looks).view(np.uint16)
    count = len(looks)
    found = [np.empty((0, 2), dtype=np.int64)]  # number of the pair (i * count + j), bits that differ
    alike = np.lexsort(bands.T)
    for band in bands.T if count > 1 else []:
        order = alike[np.argsort(band[alike], kind="stable")]
        for step in range(1, min(NEIGHBOURS, count - 1) + 1):
            first, second = order[:-step], order[step:]
            equal = band[first] == band[second]
            if not equal.any():
                break
            first, second = first[equal], second[equal]
            distance = BITS[looks[first] ^ looks[second]].sum(axis=1, dtype=np.int64)
            number = np.minimum(first, second) * count + np.maximum(first, second)
            found.append(np.column_stack([number, distance])[distance <= max_distance])
    pairs = np.concatenate(found)
    pairs = pairs[np.unique(pairs[:, 0], return_index=True)[1]]
    pairs = pairs[np.argsort(pairs[:, 1], kind="stable")]
    return [(number // count, number % count, bits) for number, bits in pairs.tolist()]
