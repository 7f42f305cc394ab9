# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finds pictures that are there twice: equal files, and pictures that look the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

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


def near_pairs(looks: np.ndarray, max_distance: int = MAX_DISTANCE) -> list[tuple[int, int, int]]:
    """Pairs of hashes that differ in few bits.

    Two hashes of 256 bits that differ in at most 15 agree in at least one of their 16 bands of 16 bits. So only
    hashes with an equal band are compared, sorted, each with the next 64: time grows as n log n. Pairs may be missed
    where more than 64 pictures share a band.

    Args:
        looks: Shape (n, 32), uint8.
        max_distance: Bits in which a pair may differ, at most 15.

    Returns:
        Tuples (i, j, bits that differ), i < j, closest first.
    """
    bands = np.ascontiguousarray(looks).view(np.uint16)
    found: dict[tuple[int, int], int] = {}
    for band in bands.T if len(looks) > 1 else []:
        order = np.lexsort((*bands.T, band))
        for step in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
            first, second = order[:-step], order[step:]
            equal = band[first] == band[second]
            if not equal.any():
                break
            first, second = first[equal], second[equal]
            distance = BITS[looks[first] ^ looks[second]].sum(axis=1)
            near = distance <= max_distance
            for i, j, bits in zip(first[near].tolist(), second[near].tolist(), distance[near].tolist(), strict=True):
                found[min(i, j), max(i, j)] = bits
    return sorted(((i, j, bits) for (i, j), bits in found.items()), key=lambda pair: (pair[2], pair[0], pair[1]))
