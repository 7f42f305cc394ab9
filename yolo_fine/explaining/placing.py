# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the cells of a network's maps lie on the image that it was given.

The network reads the image scaled to fit and padded on both sides (letterboxed). A map covers the padded input evenly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.utils.arrays import Array

GREY = 114  # of the padding


@dataclass(frozen=True)
class Placing:
    """An image on the network's input; all in pixels of that input.

    Attributes:
        height: Of the input.
        width: Of the input.
        top: Where the image begins.
        left: Where the image begins.
        tall: Of the image on the input.
        wide: Of the image on the input.
    """

    height: int
    width: int
    top: int
    left: int
    tall: int
    wide: int

    @classmethod
    def of(cls, image: tuple[int, int], size: tuple[int, int]) -> Placing:
        """The placing of an image (height, width) on an input (height, width)."""
        gain = min(size[0] / image[0], size[1] / image[1])
        tall, wide = round(image[0] * gain), round(image[1] * gain)
        top, left = (round((side - inner) / 2 - 0.1) for side, inner in zip(size, (tall, wide), strict=True))
        return cls(*size, top, left, tall, wide)

    def on_input(self, image: Array) -> Array:
        """The input that the network reads, as an image."""
        import cv2

        scaled = cv2.resize(image, (self.wide, self.tall), interpolation=cv2.INTER_LINEAR)
        padded = np.full((self.height, self.width, *scaled.shape[2:]), GREY, dtype=np.uint8)
        padded[self.top : self.top + self.tall, self.left : self.left + self.wide] = scaled
        return padded

    def off_input(self, values: Array, size: tuple[int, int]) -> Array:
        """Values of cells (h, w) as they lie on the image, interpolated to ``size`` (height, width)."""
        import cv2

        covering = cv2.resize(values.astype(np.float32), (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        inner = covering[self.top : self.top + self.tall, self.left : self.left + self.wide]
        return np.asarray(cv2.resize(inner, size[::-1], interpolation=cv2.INTER_LINEAR))

    def inside(self, values: Array) -> Array:
        """Those cells (h, w) whose centre lies on the image, as one list."""
        rows, columns = (
            (np.arange(cells) + 0.5) * side / cells
            for cells, side in zip(values.shape, (self.height, self.width), strict=True)
        )
        on = (rows >= self.top) & (rows < self.top + self.tall)
        beside = (columns >= self.left) & (columns < self.left + self.wide)
        kept: Array = values[np.ix_(on, beside)].ravel()
        return kept if kept.size else values.ravel()

    def cell(self, x: float, y: float, image: tuple[int, int], cells: tuple[int, int]) -> tuple[int, int]:
        """Row and column of the cell in which a point of the image lies (x, y in pixels of the image)."""
        down = self.top + y * self.tall / image[0]
        across = self.left + x * self.wide / image[1]
        row, column = (
            min(max(int(place / side * count), 0), count - 1)
            for place, side, count in zip((down, across), (self.height, self.width), cells, strict=True)
        )
        return row, column
