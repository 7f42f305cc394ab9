# SPDX-License-Identifier: AGPL-3.0-or-later
"""The plan of one image: flight height and tilt, which objects stand where, and the ignored regions.

Sizes, counts and class shares are drawn from the VisDrone summary (:mod:`yolo_fine.smallobjects.visdrone_statistics`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from yolo_fine.smallobjects import objects
from yolo_fine.smallobjects.camera import Camera
from yolo_fine.smallobjects.furniture import plan_furniture
from yolo_fine.smallobjects.objects import BATHER, CAR, CYCLIST, PARKED_CAR, PERSON, TRUCK, Thing, make_object
from yolo_fine.smallobjects.regions import crowd_things, plan_regions
from yolo_fine.smallobjects.scenes import Scene, plan_scene
from yolo_fine.smallobjects.slots import bay_slots, lane_slots, walk_slots, water_slots
from yolo_fine.smallobjects.visdrone_statistics import load_statistics
from yolo_fine.utils.arrays import Array

# Calibrated so that the sizes of the drawn boxes follow the summary; docs/smallobjects.md has the comparison.
LOG_PIXELS_PER_METRE = 2.56  # mean over images of log(pixels per metre at the image's centre)
PITCH_DEGREES = (30.0, 70.0)
GROWTH = (1.45, 1.45, 1.31, 1.1, 1.1, 0.8)  # size of each class against nature
NEARNESS = 1.5  # places are taken with a chance ~ distance ^ -this
CLUSTERING, CLUSTER_METRES = 1.2, 25.0  # spread of log busyness between blocks of this size
BALANCE = {"people": 1.17, "two-wheelers": 1.07, "cars": 0.87, "trucks": 0.88}  # against what finds no place
LOW_FLIGHT = {"people": 0.7, "two-wheelers": 0.4, "cars": -0.7, "trucks": -0.7}  # share ~ (pixels per metre) ^ this


@dataclass(frozen=True)
class Plan:
    """Everything that one image shows.

    Attributes:
        scene: Ground and camera.
        things: Objects (with a label), crowds in ignored regions, houses and trees (without).
        regions: (n, 4) ignored regions, x1, y1, x2, y2 in whole pixels.
        image_scale: Pixels of this image per pixel of a VisDrone image.
    """

    scene: Scene
    things: list[Thing]
    regions: Array
    image_scale: float


@lru_cache(maxsize=1)
def statistics() -> dict[str, Any]:
    """The summary that is followed: the val split."""
    return load_statistics("val")


def plan_image(rng: np.random.Generator, size: int, scale: float = 1.0, density: float = 1.0) -> Plan:
    """Plan one image.

    Args:
        rng: Source of chance.
        size: Image side in pixels.
        scale: Pixels per pixel of a VisDrone image.
        density: Number of objects against VisDrone's.
    """
    summary = statistics()
    between = summary["scale"]["between_log_std"]
    linked = summary["scale"]["correlation_with_log_count"]
    flight = float(np.clip(rng.normal(), -2.5, 2.5))
    busyness = linked * flight + math.sqrt(1 - linked**2) * rng.normal()
    pixels_per_metre = math.exp(LOG_PIXELS_PER_METRE + between * flight) * scale
    pitch = math.radians(rng.uniform(*PITCH_DEGREES))
    scene = plan_scene(rng, Camera.at_scale(size, pitch, pixels_per_metre))
    window = (size / scale) ** 2 / summary["image_side_px"][3] ** 2  # area against a VisDrone image's
    boxes = _whole(rng, _at_quantile(summary["boxes_per_image"], busyness) * window * density)
    ignored = _whole(rng, _at_quantile(summary["ignored_per_image"], rng.normal()) * window)
    furniture = plan_furniture(rng, scene)
    regions = plan_regions(rng, scene, ignored, summary["ignored"], scale)
    labelled = _place(rng, scene, _class_counts(rng, max(boxes, 1), between * flight), regions, furniture)
    crowd = crowd_things(rng, scene, regions, GROWTH[PERSON])
    return Plan(scene, [*labelled, *crowd, *furniture], regions, scale)


def _at_quantile(quantiles: list[float], normal: float) -> float:
    """The value of a summarised distribution at a standard normal deviate; the tails go on linearly to 0 and 1."""
    levels = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]
    values = [max(0.0, quantiles[0] - 2), *quantiles, quantiles[-1] * 1.2]
    return float(np.interp(0.5 * (1 + math.erf(normal / math.sqrt(2))), levels, values))


def _whole(rng: np.random.Generator, value: float) -> int:
    """Round up or down by chance, so that the mean is kept."""
    return int(value + rng.random())


def _class_counts(rng: np.random.Generator, boxes: int, flight: float) -> Array:
    """How many objects of each class to place, at a flight height given as log scale against the mean."""
    shares = statistics()["classes"]
    weights = np.zeros(len(objects.NAMES))
    for group, members in objects.VISDRONE_GROUPS.items():
        share = sum(shares[name]["share"] for name in members) * BALANCE[group] * math.exp(LOW_FLIGHT[group] * flight)
        classes = objects.GROUP_CLASSES[group]
        first = rng.uniform(0.25, 0.75) if len(classes) > 1 else 1.0
        weights[classes[0]] += share * first
        weights[classes[-1]] += share * (1 - first)
    return rng.multinomial(boxes, weights / weights.sum())


def _place(
    rng: np.random.Generator, scene: Scene, counts: Array, regions: Array, furniture: list[Thing]
) -> list[Thing]:
    """Put objects on free places of the right kind; what finds none becomes its look-alike or is left out."""
    lanes, bays = (_visible(rng, scene, slots, regions) for slots in (lane_slots(rng, scene), bay_slots(rng, scene)))
    people = int(counts[PERSON] + counts[BATHER] + counts[CYCLIST])
    walks = _visible(rng, scene, walk_slots(rng, scene, 6 * people + 30), regions)
    waters = _visible(rng, scene, water_slots(rng, scene, 6 * people + 30), regions)
    taken = _Taken()
    for thing in furniture:
        taken.add(thing, -0.3)
    placed: list[Thing] = []

    def put(label: int, slots: Array, wanted: int, gap: float) -> int:
        """Place up to ``wanted`` objects of a class; returns how many found no place."""
        for slot in slots:
            if wanted == 0:
                break
            thing = make_object(rng, label, slot, GROWTH[label])
            if taken.free(thing, gap):
                taken.add(thing, 0.0)
                placed.append(thing)
                wanted -= 1
        return wanted

    put(TRUCK, lanes, int(counts[TRUCK]), 0.4)
    riding = int(rng.binomial(counts[CYCLIST], 0.6))
    left = put(CAR, lanes, int(counts[CAR]), 0.3)
    left = put(PARKED_CAR, bays, int(counts[PARKED_CAR]) + left, 0.05)
    put(CAR, lanes[::-1], left, 0.3)
    riding = put(CYCLIST, _beside(rng, lanes), riding, 0.1)
    put(CYCLIST, walks[::-1], int(counts[CYCLIST]) - int(counts[CYCLIST] * 0.6) + riding, 0.1)
    left = put(BATHER, waters, int(counts[BATHER]), 0.05)
    left = put(PERSON, walks, int(counts[PERSON]) + left, 0.05)
    put(BATHER, waters[::-1], left, 0.05)
    return placed


def _visible(rng: np.random.Generator, scene: Scene, slots: Array, regions: Array) -> Array:
    """The slots that the camera sees outside ignored regions, shuffled; near and busy ones tend to come first."""
    ground = scene.to_ground(slots[:, :2])
    pixels, depth = scene.camera.project(np.column_stack([ground, np.full(len(slots), 0.8)]))
    seen = scene.camera.in_front(depth) & (pixels > 0).all(axis=1) & (pixels < scene.camera.size).all(axis=1)
    for x1, y1, x2, y2 in regions:
        x, y = pixels[:, 0], pixels[:, 1]
        seen &= ~((x > x1 - 3) & (x < x2 + 3) & (y > y1 - 3) & (y < y2 + 3))
    weight = depth[seen] ** -NEARNESS * _busyness(rng, slots[seen])
    found: Array = slots[seen][np.argsort(rng.exponential(size=len(weight)) / weight)]
    return found


def _busyness(rng: np.random.Generator, slots: Array) -> Array:
    """How busy the places around each slot are: objects come in clusters, so this differs from block to block."""
    levels = np.exp(rng.normal(0, CLUSTERING, (64, 64)))
    cells = np.floor(slots[:, :2] / CLUSTER_METRES).astype(int) % 64
    chosen: Array = levels[cells[:, 0], cells[:, 1]]
    return chosen


def _beside(rng: np.random.Generator, lanes: Array) -> Array:
    """Places for two-wheelers among the traffic: beside and between the places of cars."""
    shifted = lanes[np.tile(np.arange(len(lanes)), 3)]
    along, across = rng.uniform(-3.5, 3.5, len(shifted)), rng.uniform(-1.4, 1.4, len(shifted))
    cosine, sine = np.cos(shifted[:, 2]), np.sin(shifted[:, 2])
    moves = np.stack([along * cosine - across * sine, along * sine + across * cosine, np.zeros(len(shifted))], axis=1)
    places: Array = shifted + moves
    return places


class _Taken:
    """The ground that is taken, as rectangles along u and v (headings are nearly multiples of a right angle)."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float, float]] = []

    def rectangle(self, thing: Thing, gap: float) -> tuple[float, float, float, float]:
        """Middle and half sides (u, v, half u, half v) of a thing's ground, widened by ``gap`` metres."""
        length, width = thing.extent()
        cosine, sine = abs(math.cos(thing.heading)), abs(math.sin(thing.heading))
        half_u, half_v = length * cosine + width * sine, length * sine + width * cosine
        return thing.u, thing.v, half_u + gap, half_v + gap

    def add(self, thing: Thing, gap: float) -> None:
        """Take a thing's ground."""
        self.rows.append(self.rectangle(thing, gap))

    def free(self, thing: Thing, gap: float) -> bool:
        """Whether a thing's ground, widened by ``gap``, is free."""
        if not self.rows:
            return True
        u, v, half_u, half_v = self.rectangle(thing, gap)
        rows = np.array(self.rows)
        near = (np.abs(rows[:, 0] - u) < rows[:, 2] + half_u) & (np.abs(rows[:, 1] - v) < rows[:, 3] + half_v)
        return not near.any()
