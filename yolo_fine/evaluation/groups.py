# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which images belong together: what a bootstrap draws is a group of images, by default each image by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.utils.arrays import Array


@dataclass(frozen=True)
class Groups:
    """A division of the images into groups.

    Attributes:
        by: What divides them, for the manifest.
        index: Group of each image, 0 to groups - 1, shape (images,), int64.
    """

    by: str
    index: Array

    @property
    def count(self) -> int:
        """Number of groups."""
        return int(self.index.max(initial=-1)) + 1

    @property
    def effective(self) -> float:
        """How many groups of equal size would say as much."""
        return effective_number(np.bincount(self.index))


def each_image(images: int) -> Groups:
    """Every image by itself."""
    return Groups("images", np.arange(images))


def effective_number(sizes: Array) -> float:
    """Kish's effective number of groups: (sum of sizes)² / sum of sizes²; 0 without any.

    Kish, "Survey Sampling", 1965, section 8.2.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.any() else 0.0
