# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ignored regions: rectangles with crowds too small or too blurred to be told apart, which nobody labelled."""

from __future__ import annotations

from typing import Any

import numpy as np

from yolo_fine.smallobjects.objects import BATHER, CYCLIST, PERSON, Thing, make_object
from yolo_fine.smallobjects.scenes import Scene
from yolo_fine.smallobjects.slots import lane_slots, walk_slots
from yolo_fine.utils.arrays import Array

LARGEST = 0.3  # sides of a region against the image's side, at most
LEAST = 6  # pixels
CROWD = 40  # people in one region, at most
ROOM = 2.2  # metres of height and width that one of a crowd needs, so that it stays inside
TRIES = 8


def plan_regions(rng: np.random.Generator, scene: Scene, wanted: int, sizes: dict[str, Any], scale: float) -> Array:
    """Choose up to ``wanted`` ignored regions, on ground where people walk or drive.

    Args:
        rng: Source of chance.
        scene: Ground and camera.
        wanted: Number of regions.
        sizes: Summary of ignored regions: log-normal sides in pixels, and quantiles of width / height.
        scale: Pixels of this image per pixel of a VisDrone image.

    Returns:
        (n, 4) array of x1, y1, x2, y2 in whole pixels, inside the image and at least ``LEAST`` pixels wide and high.
        Each is large enough for the people in it, if such a place was found: small regions lie far off.
    """
    size = scene.camera.size
    slots = np.concatenate([walk_slots(rng, scene, 60), lane_slots(rng, scene)])
    ground = scene.to_ground(slots[:, :2])
    pixels, depth = scene.camera.project(np.column_stack([ground, np.zeros(len(slots))]))
    seen = np.flatnonzero(scene.camera.in_front(depth) & (pixels > 0).all(axis=1) & (pixels < size).all(axis=1))
    found = []
    for _ in range(wanted if len(seen) else 0):
        side = np.exp(rng.normal(sizes["side_log_mean"], sizes["side_log_std"])) * scale
        aspect = np.interp(rng.random(), [0.05, 0.25, 0.5, 0.75, 0.95], sizes["aspect"][1:6])
        half = np.clip([side * aspect**0.5, side / aspect**0.5], LEAST, LARGEST * size) / 2
        tried = rng.choice(seen, TRIES)
        room = ROOM * scene.camera.focal / depth[tried]
        place = tried[np.argmax(room < 2 * half.min())]  # the first with room, else the first
        low, high = pixels[place] - half, pixels[place] + half
        box = np.round([*low, *high]).astype(int).clip(0, size)
        if min(box[2] - box[0], box[3] - box[1]) >= LEAST:
            found.append(box)
    return np.array(found, dtype=int).reshape(-1, 4)


def crowd_things(rng: np.random.Generator, scene: Scene, regions: Array, growth: float) -> list[Thing]:
    """Fill ignored regions with people (two-wheelers on roads) that carry no label.

    Args:
        rng: Source of chance.
        scene: Ground and camera.
        regions: (n, 4) array of x1, y1, x2, y2 in pixels.
        growth: Size of people against nature.
    """
    things: list[Thing] = []
    for x1, y1, x2, y2 in regions:
        foot = scene.camera.ground(np.array([(x1 + x2) / 2, y2]))
        ends, depth = scene.camera.project(np.array([[*foot, 0.0], [*foot, 1.76 * growth]]))
        tall = min(ends[0, 1] - ends[1, 1], 0.8 * (y2 - y1))
        metre = scene.camera.focal / depth[0]
        aside = min(0.4 * metre, 0.3 * (x2 - x1))
        count = int(np.clip((x2 - x1) * (y2 - y1) / (2.5 * metre**2), 2, CROWD))
        places = np.stack([rng.uniform(x1 + aside, x2 - aside, count), rng.uniform(y1 + tall, y2, count)], axis=1)
        spots = scene.to_strips(scene.camera.ground(places))
        for spot, kind in zip(spots, scene.kind_at(spots), strict=True):
            heading = rng.uniform(0, 2 * np.pi)
            label = {"road": CYCLIST, "lot": CYCLIST, "water": BATHER}.get(kind, PERSON)
            thing = make_object(rng, label, np.array([*spot, heading]), growth)
            things.append(Thing(thing.u, thing.v, thing.heading, thing.blocks))
    return things
