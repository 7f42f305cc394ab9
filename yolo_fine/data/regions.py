# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ignored regions: rectangles with crowds too small or too blurred to be told apart, which nobody labelled."""

from __future__ import annotations

from typing import Any

import numpy as np

from yolo_fine.data.objects import BATHER, CYCLIST, PERSON, Thing, make_object
from yolo_fine.data.scenes import Scene
from yolo_fine.data.slots import lane_slots, walk_slots

LARGEST = 0.3  # sides of a region against the picture's side, at most
CROWD = 45  # people in one region, at most


def plan_regions(
    rng: np.random.Generator, scene: Scene, wanted: int, sizes: dict[str, Any], scale: float
) -> np.ndarray:
    """Choose up to ``wanted`` ignored regions, on ground where people walk or drive.

    Args:
        rng: Source of chance.
        scene: Ground and camera.
        wanted: Number of regions.
        sizes: Summary of ignored regions: log-normal sides in pixels, and quantiles of width / height.
        scale: Pixels of this picture per pixel of a VisDrone picture.

    Returns:
        (n, 4) array of x1, y1, x2, y2 in whole pixels, inside the picture and at least 6 pixels wide and high.
    """
    size = scene.camera.size
    slots = np.concatenate([walk_slots(rng, scene, 60), lane_slots(rng, scene)])
    ground = scene.to_ground(slots[:, :2])
    pixels, depth = scene.camera.project(np.column_stack([ground, np.zeros(len(slots))]))
    seen = scene.camera.in_front(depth) & (pixels > 0).all(axis=1) & (pixels < size).all(axis=1)
    middles = rng.permutation(pixels[seen])[:wanted]
    found = []
    for x, y in middles:
        side = np.exp(rng.normal(sizes["side_log_mean"], sizes["side_log_std"])) * scale
        aspect = np.interp(rng.random(), [0.05, 0.25, 0.5, 0.75, 0.95], sizes["aspect"][1:6])
        half = np.clip([side * aspect**0.5, side / aspect**0.5], 6, LARGEST * size) / 2
        box = np.round([x - half[0], y - half[1], x + half[0], y + half[1]]).astype(int).clip(0, size)
        if box[2] - box[0] >= 6 and box[3] - box[1] >= 6:
            found.append(box)
    return np.array(found, dtype=int).reshape(-1, 4)


def crowd_things(rng: np.random.Generator, scene: Scene, regions: np.ndarray, growth: float) -> list[Thing]:
    """Fill ignored regions with people (two-wheelers on roads) that carry no label.

    Args:
        rng: Source of chance.
        scene: Ground and camera.
        regions: (n, 4) array of x1, y1, x2, y2 in pixels.
        growth: Size of people against nature.
    """
    things: list[Thing] = []
    for x1, y1, x2, y2 in regions:
        middle = scene.camera.ground(np.array([(x1 + x2) / 2, (y1 + y2) / 2]))
        ends = np.array([[*middle, 0.0], [*middle, 1.7 * growth]])
        pixels, _ = scene.camera.project(ends)
        metre = max(float(np.hypot(*(pixels[1] - pixels[0]))) / 1.7, 1.0)
        count = int(np.clip((x2 - x1) * (y2 - y1) / (1.2 * metre**2), 3, CROWD))
        places = np.stack([rng.uniform(x1, x2, count), rng.uniform(y1, y2, count)], axis=1)
        spots = scene.to_strips(scene.camera.ground(places))
        for spot, kind in zip(spots, scene.kind_at(spots), strict=True):
            heading = rng.uniform(0, 2 * np.pi)
            label = {"road": CYCLIST, "lot": CYCLIST, "water": BATHER}.get(kind, PERSON)
            thing = make_object(rng, label, np.array([*spot, heading]), growth)
            things.append(Thing(thing.u, thing.v, thing.heading, thing.blocks))
    return things
