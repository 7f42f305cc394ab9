# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draws a planned image and measures what can be seen of each object."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from yolo_fine.smallobjects.ground import SHIFT, draw_ground, fill
from yolo_fine.smallobjects.objects import Colour, Thing
from yolo_fine.smallobjects.placement import Plan
from yolo_fine.smallobjects.solids import Solids, project_things, side_faces, silhouette
from yolo_fine.smallobjects.weather import blur_region, develop, multiply, texture
from yolo_fine.utils.arrays import Array

LEAST_SIDE = 3  # boxes narrower or lower than this many pixels are not annotated
LEAST_VISIBLE = 0.25  # objects of which less is seen are not annotated
FACE_LIGHT = (0.62, 0.78, 0.70, 0.86)  # brightness of a block's four sides


@dataclass(frozen=True)
class Annotation:
    """One annotated object: class index, box in whole pixels, and VisDrone's two flags.

    ``truncation`` is 1 for an object cut by the image's edge; ``occlusion`` is 0 for one seen whole, 1 for one hidden
    by half or less, 2 for more.
    """

    label: int
    box: tuple[int, int, int, int]
    truncation: int
    occlusion: int


def render(rng: np.random.Generator, plan: Plan) -> tuple[Array, list[Annotation]]:
    """Draw a plan; returns the (size, size, 3) uint8 image (blue-green-red) and the annotations."""
    scene, things = plan.scene, plan.things
    size = scene.camera.size
    solids = project_things(scene, things)
    image = multiply(draw_ground(rng, scene), texture(rng, size))
    image = _cast_shadows(rng, image, plan, solids)
    marks = np.zeros((size, size), dtype=np.uint16)  # which thing is seen where, counted from 1
    hulls: dict[int, Array] = {}
    starts = np.searchsorted(solids.owner, np.arange(len(things) + 1))
    for index in np.argsort(-solids.depth, kind="stable"):
        own = slice(starts[index], starts[index + 1])
        points = solids.pixels[own].reshape(-1, 2)
        low, high = points.min(axis=0), points.max(axis=0)
        if not solids.visible[index] or (high < 0).any() or (low > size).any():
            continue
        hulls[int(index)] = silhouette(points)
        _draw_thing(image, things[index], solids.pixels[own])
        _mark(marks, hulls[int(index)], int(index) + 1)
    for box in plan.regions:
        blur_region(image, box, 1.6 * max(plan.image_scale, 0.5))
    return develop(rng, image), _annotate(things, hulls, marks)


def _draw_thing(image: Array, thing: Thing, pixels: Array) -> None:
    """Draw one thing whose (b, 8, 2) block corners are given: a tree's crowns, or its blocks in their order."""
    if thing.crowns:
        _draw_crowns(image, thing, pixels[0])
        return
    order = np.argsort([block.bottom >= 0.6 for block in thing.blocks], kind="stable")  # stacked blocks last
    for index in order:
        block, corners = thing.blocks[index], pixels[index]
        for side in np.flatnonzero(side_faces(corners)):
            after = (side + 1) % 4
            face = corners[[side, after, after + 4, side + 4]]
            fill(image, [face], _lit(block.colour, FACE_LIGHT[side]))
        fill(image, [corners[4:]], block.lid or block.colour)


def _draw_crowns(image: Array, thing: Thing, trunk: Array) -> None:
    """Draw a tree's crowns as discs around its trunk's projected axis, from low and dark to high and light."""
    foot, top = trunk[:4].mean(axis=0), trunk[4:].mean(axis=0)
    block = thing.blocks[0]
    metre = np.linalg.norm(trunk[1] - trunk[0]) / block.length + np.linalg.norm(trunk[2] - trunk[1]) / block.width
    metre = float(metre) / 2
    count = len(thing.crowns)
    for layer, (along, across, height, radius) in enumerate(thing.crowns):
        place = foot + (top - foot) * (height / block.top) * 0.8 + np.array([along, -across]) * metre
        light = 0.62 + 0.55 * layer / count
        centre = np.round(place * (1 << SHIFT)).astype(int)
        reach = max(1, round(radius * metre * (1 << SHIFT)))
        cv2.circle(image, (int(centre[0]), int(centre[1])), reach, _lit(thing.colour, light), -1, cv2.LINE_AA, SHIFT)


def _cast_shadows(rng: np.random.Generator, image: Array, plan: Plan, solids: Solids) -> Array:
    """Darken the ground where things keep the sun off; some images are overcast."""
    strength = rng.uniform(0.25, 0.55) if rng.random() < 0.75 else rng.uniform(0.0, 0.15)
    azimuth, reach = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 1.1)
    sun = np.array([math.cos(azimuth), math.sin(azimuth)]) * reach
    shade = np.zeros(image.shape[:2], dtype=np.uint8)
    corners = solids.ground[:, :, :2] + sun * solids.ground[:, :, 2:]
    flat = np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], axis=2)
    pixels, depth = plan.scene.camera.project(flat)
    size = plan.scene.camera.size
    seen = plan.scene.camera.in_front(depth).all(axis=1)
    seen &= (pixels.max(axis=1) > 0).all(axis=1) & (pixels.min(axis=1) < size).all(axis=1)
    for index in np.flatnonzero(seen):
        thing = plan.things[solids.owner[index]]
        crown = 0.45 * pixels[index, :4] + 0.55 * pixels[index, 4:]
        hull = _disc(crown) if thing.crowns else silhouette(pixels[index])
        cv2.fillConvexPoly(shade, np.round(hull * (1 << SHIFT)).astype(np.int32), 255, cv2.LINE_AA, SHIFT)
    factor = 1 - np.float32(strength / 255) * cv2.GaussianBlur(shade, (3, 3), 0).astype(np.float32)
    return multiply(image, factor)


def _disc(square: Array) -> Array:
    """A twelve-sided (12, 2) figure about a projected square (4, 2), one and a half times as wide."""
    turns = np.linspace(0, 2 * math.pi, 12, endpoint=False)
    middle = square.mean(axis=0)
    first, second = (square[1] - square[0]) / 2, (square[2] - square[1]) / 2
    disc: Array = middle + 1.5 * (np.cos(turns)[:, None] * first + np.sin(turns)[:, None] * second)
    return disc


def _mark(marks: Array, hull: Array, value: int) -> None:
    """Write ``value`` where the silhouette covers the image."""
    cv2.fillConvexPoly(marks, np.round(hull * (1 << SHIFT)).astype(np.int32), value, cv2.LINE_8, SHIFT)


def _annotate(things: list[Thing], hulls: dict[int, Array], marks: Array) -> list[Annotation]:
    """Annotations of the labelled things that are large enough and seen well enough, in order of the list."""
    size = marks.shape[0]
    found = []
    alone = np.zeros_like(marks)
    for index, hull in sorted(hulls.items()):
        label = things[index].label
        if label is None:
            continue
        low, high = np.floor(hull.min(axis=0)), np.ceil(hull.max(axis=0))
        x1, y1 = (int(value) for value in np.clip(low, 0, size))
        x2, y2 = (int(value) for value in np.clip(high, 0, size))
        if min(x2 - x1, y2 - y1) < LEAST_SIDE:
            continue
        inside = (x2 - x1) * (y2 - y1) / float(np.prod(high - low))
        _mark(alone, hull, 1)
        whole = int(alone[y1:y2, x1:x2].sum())
        seen = int((marks[y1:y2, x1:x2] == index + 1).sum())
        alone[max(0, y1 - 2) : y2 + 2, max(0, x1 - 2) : x2 + 2] = 0
        share = seen / max(whole, 1)
        if share < LEAST_VISIBLE or inside < LEAST_VISIBLE:
            continue
        occlusion = 0 if share > 0.95 else 1 if share >= 0.5 else 2
        found.append(Annotation(label, (x1, y1, x2, y2), int(inside < 0.999), occlusion))
    return found


def _lit(colour: Colour, light: float) -> Colour:
    """The colour in less or more light."""
    return min(colour[0] * light, 255.0), min(colour[1] * light, 255.0), min(colour[2] * light, 255.0)
