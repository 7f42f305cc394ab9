# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands in a scene without being annotated: houses and trees."""

from __future__ import annotations

import math

import numpy as np

from yolo_fine.smallobjects.objects import Block, Colour, Thing
from yolo_fine.smallobjects.scenes import Scene, Strip
from yolo_fine.utils.arrays import Array

ROOFS: tuple[Colour, ...] = (
    (95, 110, 165),
    (80, 95, 140),
    (150, 150, 150),
    (120, 125, 130),
    (175, 180, 185),
    (90, 85, 80),
)
WALLS: tuple[Colour, ...] = ((170, 185, 200), (190, 195, 200), (140, 155, 175), (150, 150, 150))


def plan_furniture(rng: np.random.Generator, scene: Scene) -> list[Thing]:
    """Houses on their strips, trees in parks, on plazas, between houses and along some pavements."""
    things: list[Thing] = []
    for strip in scene.strips:
        if strip.kind == "houses":
            things += _houses(rng, scene, strip)
        elif strip.kind == "park":
            things += _trees(rng, scene, strip, rng.uniform(0.003, 0.012))
        elif strip.kind == "plaza":
            things += _trees(rng, scene, strip, 0.0015)
        elif strip.kind == "pavement" and rng.random() < 0.35:
            things += _avenue(rng, scene, strip)
    return things


def _free(scene: Scene, u: float, clearance: float) -> bool:
    """Whether ``u`` is off the crossing street by ``clearance`` metres."""
    cross = scene.cross
    return cross is None or u < cross.low - clearance or u > cross.high + clearance


def _houses(rng: np.random.Generator, scene: Scene, strip: Strip) -> list[Thing]:
    """A row of houses with gaps; flat roofs, some with a smaller storey on top."""
    found = []
    depth = strip.high - strip.low
    u = scene.reach[0] - rng.uniform(0, 10)
    while u < scene.reach[1]:
        length, width = rng.uniform(9, 24), depth * rng.uniform(0.6, 0.85)
        height = float(rng.choice([4.0, 6.5, 9.0])) * rng.uniform(0.9, 1.1)
        middle = u + length / 2
        if _free(scene, middle, length / 2 + 2):
            roof = _vary(rng, ROOFS[int(rng.integers(len(ROOFS)))])
            wall = _vary(rng, WALLS[int(rng.integers(len(WALLS)))])
            blocks = [Block(0, 0, length, width, 0, height, wall, roof)]
            if rng.random() < 0.5:
                top = Block(0, 0, length * 0.3, width * 0.35, height, height + 1.5, wall, _vary(rng, roof))
                blocks.append(top)
            found.append(Thing(middle, strip.middle, 0.0, tuple(blocks)))
        u += length + rng.uniform(2, 9)
    return found


def _trees(rng: np.random.Generator, scene: Scene, strip: Strip, density: float) -> list[Thing]:
    """Trees spread over a strip, ``density`` per square metre."""
    start, end = scene.reach
    count = min(int(density * (end - start) * (strip.high - strip.low)), 150)
    places = np.stack([rng.uniform(start, end, count), rng.uniform(strip.low, strip.high, count)], axis=1)
    return [_tree(rng, u, v) for u, v in _in_view(scene, places) if _free(scene, u, 2.0)]


def _avenue(rng: np.random.Generator, scene: Scene, strip: Strip) -> list[Thing]:
    """A row of trees along a pavement."""
    u = np.arange(scene.reach[0] + rng.uniform(0, 8), scene.reach[1], rng.uniform(9, 16))
    places = np.stack([u, np.full(len(u), strip.middle)], axis=1)
    return [_tree(rng, u, v, 0.7) for u, v in _in_view(scene, places) if _free(scene, u, 2.5)]


def _in_view(scene: Scene, places: Array) -> Array:
    """Those of (n, 2) places in u and v that the image, widened by a fifth, shows."""
    ground = scene.to_ground(places)
    pixels, depth = scene.camera.project(np.column_stack([ground, np.zeros(len(ground))]))
    inside = (np.abs(pixels / scene.camera.size - 0.5) < 0.7).all(axis=1)
    seen: Array = places[inside & scene.camera.in_front(depth)]
    return seen


def _tree(rng: np.random.Generator, u: float, v: float, size: float = 1.0) -> Thing:
    """A tree: a heap of round crowns, lighter towards the top."""
    radius = rng.uniform(1.3, 2.8) * size
    crowns = []
    for layer in range(7):
        turn, spread = rng.uniform(0, 2 * math.pi), radius * rng.uniform(0.0, 0.6)
        height = radius * (0.9 + 0.22 * layer)
        crowns.append((spread * math.cos(turn), spread * math.sin(turn), height, radius * rng.uniform(0.4, 0.62)))
    colour = (float(rng.uniform(25, 55)), float(rng.uniform(70, 110)), float(rng.uniform(40, 80)))
    trunk = Block(0, 0, radius, radius, 0, radius * 2.0, colour)
    return Thing(float(u), float(v), 0.0, (trunk,), None, tuple(crowns), colour)


def _vary(rng: np.random.Generator, colour: Colour) -> Colour:
    """The colour, a little lighter or darker."""
    factor = rng.uniform(0.85, 1.12)
    return colour[0] * factor, colour[1] * factor, colour[2] * factor
