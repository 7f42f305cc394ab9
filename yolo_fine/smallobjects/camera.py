# SPDX-License-Identifier: AGPL-3.0-or-later
"""The drone's camera: a pinhole above a flat ground, looking down at an angle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from yolo_fine.utils.arrays import Array

FOCAL_OF_SIZE = 1.1  # focal length over image side: a field of view of about 49 degrees
NEAREST = 0.3  # depth below which a point counts as behind the camera, as a share of the flight height


@dataclass(frozen=True)
class Camera:
    """A camera over the origin of the ground, turned down by ``pitch``.

    Ground coordinates are metres: x to the right, y away from the camera, z up.

    Attributes:
        size: Image side in pixels.
        pitch: Angle below the horizon in radians; pi / 2 looks straight down.
        height: Height above the ground in metres.
    """

    size: int
    pitch: float
    height: float

    @classmethod
    def at_scale(cls, size: int, pitch: float, pixels_per_metre: float) -> Camera:
        """Return the camera that shows a metre at the image's centre as ``pixels_per_metre`` pixels."""
        return cls(size, pitch, FOCAL_OF_SIZE * size * math.sin(pitch) / pixels_per_metre)

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return FOCAL_OF_SIZE * self.size

    def project(self, points: Array) -> tuple[Array, Array]:
        """Project (..., 3) points in metres to (..., 2) pixels; also returns their depths (...), in metres.

        Pixels of points behind the camera (depth <= 0) have no meaning.
        """
        sine, cosine = math.sin(self.pitch), math.cos(self.pitch)
        x, y, z = points[..., 0], points[..., 1], points[..., 2] - self.height
        depth = y * cosine - z * sine
        down = -y * sine - z * cosine
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        pixels = np.stack([x, down], axis=-1) * (self.focal / safe)[..., None] + self.size / 2
        return pixels, depth

    def in_front(self, depth: Array) -> Array:
        """Whether points of these depths are safely in front of the camera."""
        return depth > NEAREST * self.height

    def ground(self, pixels: Array) -> Array:
        """Return the (..., 2) ground points, in metres, seen at (..., 2) pixels."""
        sine, cosine = math.sin(self.pitch), math.cos(self.pitch)
        right = (pixels[..., 0] - self.size / 2) / self.focal
        down = (pixels[..., 1] - self.size / 2) / self.focal
        fall = down * cosine + sine
        reach = self.height / fall
        return np.stack([right * reach, (cosine - down * sine) * reach], axis=-1)

    def footprint(self, margin: float = 0.08) -> Array:
        """The (4, 2) ground corners of the image, widened by ``margin`` of its side."""
        low, high = -margin * self.size, (1 + margin) * self.size
        return self.ground(np.array([[low, low], [high, low], [high, high], [low, high]]))
