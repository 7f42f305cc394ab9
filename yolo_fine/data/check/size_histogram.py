# SPDX-License-Identifier: AGPL-3.0-or-later
"""How large objects are: the side of a box is the square root of its area, in pixels of the image as stored.

The five bins join those of AI-TOD (Wang et al., "Tiny Object Detection in Aerial Images", ICPR 2020: very tiny to 8,
tiny to 16, small to 32) and of COCO (small to 32, medium to 96, large).
"""

from __future__ import annotations

import math

import numpy as np

from yolo_fine.utils.arrays import Array

SIZE_BINS: dict[str, tuple[float, float]] = {
    "very tiny": (0, 8),
    "tiny": (8, 16),
    "small": (16, 32),
    "medium": (32, 96),
    "large": (96, math.inf),
}
EDGES = 2.0 ** np.arange(0, 11.01, 0.25)  # of the histogram, 1 to 2048 pixels; four bars an octave


def sides(shares: Array, images: Array) -> Array:
    """Sides in pixels.

    Args:
        shares: Width and height as shares of the image, shape (objects, 2).
        images: Width and height of each object's image in pixels, shape (objects, 2).
    """
    result: Array = np.sqrt((shares * images).prod(axis=1))
    return result


def count_by_bin(values: Array) -> dict[str, int]:
    """Number of sides in each bin; the lower limit belongs to it."""
    return {name: int(((values >= low) & (values < high)).sum()) for name, (low, high) in SIZE_BINS.items()}


def count_by_bar(values: Array) -> Array:
    """Number of sides in each bar of the histogram; those beyond the ends are in the outermost bars."""
    return np.histogram(np.clip(values, EDGES[0], EDGES[-1]), bins=EDGES)[0]


def bin_limits(name: str) -> str:
    """The limits of a bin as a reader would write them."""
    low, high = SIZE_BINS[name]
    if low == 0:
        return f"under {high:g}"
    return f"{low:g} to {high:g}" if math.isfinite(high) else f"over {low:g}"
