# SPDX-License-Identifier: AGPL-3.0-or-later
"""Texture of the ground, and what air, light and lens do to the finished image."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_fine.utils.arrays import Array


def texture(rng: np.random.Generator, size: int) -> Array:
    """Patchy brightness of the ground, (size, size) float32 about 1: noise of four grain sizes."""
    total = np.ones((size, size), dtype=np.float32)
    for cells, strength in ((5, 0.08), (18, 0.06), (60, 0.05), (max(8, size // 3), 0.07)):
        grain = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        total += strength * cv2.resize(grain, (size, size), interpolation=cv2.INTER_LINEAR)
    return total


def multiply(image: Array, factor: Array) -> Array:
    """A (h, w, 3) uint8 image times a (h, w) float32 factor."""
    product: Array = cv2.multiply(image, cv2.merge([factor, factor, factor]), dtype=cv2.CV_8U)
    return product


def develop(rng: np.random.Generator, image: Array) -> Array:
    """Haze in the distance, blur, exposure, colour cast and sensor noise."""
    size = image.shape[0]
    haze = rng.uniform(0.0, 0.22) * np.linspace(1, 0, size)[:, None, None] ** 1.5
    gain = rng.uniform(0.72, 1.18) * rng.uniform(0.95, 1.05, 3)
    sigma = rng.uniform(0.0, 0.9)
    if sigma > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    levels = image * (gain * (1 - haze)).astype(np.float32) + (gain * haze * 205).astype(np.float32)
    strength = rng.uniform(1.0, 6.0) / 74  # 74 is the standard deviation of a random byte
    noise = rng.integers(-128, 128, (size, size), dtype=np.int8).astype(np.float32) * np.float32(strength)
    finished: Array = cv2.add(levels, cv2.merge([noise, noise, noise]), dtype=cv2.CV_8U)
    return finished


def blur_region(image: Array, box: Array, sigma: float) -> None:
    """Blur the inside of ``box`` (x1, y1, x2, y2) in place, fading out towards its edges."""
    x1, y1, x2, y2 = (int(value) for value in box)
    part = image[y1:y2, x1:x2]
    y = np.linspace(-1, 1, y2 - y1, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, x2 - x1, dtype=np.float32)[None, :]
    weight = np.clip(2.5 * (1 - np.maximum(np.abs(x), np.abs(y))), 0, 1)[:, :, None]
    soft = cv2.GaussianBlur(part, (0, 0), sigma).astype(np.float32)
    image[y1:y2, x1:x2] = (part + weight * (soft - part)).astype(np.uint8)
