# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where objects may stand in a scene: driving lanes, parking bays, ground to walk on, shallow water.

Slots are (n, 3) arrays of u, v (metres) and heading (radians from the direction of u).
"""

from __future__ import annotations

import math

import numpy as np

from yolo_fine.smallobjects.scenes import BAY, BAY_DEPTH, KERB, LANE, WALKABLE, Scene, Strip
from yolo_fine.utils.arrays import Array

LANE_STEP = 7.5  # metres between the middles of two driving vehicles
NO_SLOTS = np.zeros((0, 3))


def lane_slots(rng: np.random.Generator, scene: Scene) -> Array:
    """Places in the driving lanes, heading with the traffic (which keeps right)."""
    found = []
    for strip in scene.strips:
        if strip.kind == "road":
            found.append(_lanes(rng, strip, *scene.reach))
    if scene.cross is not None:
        across = _lanes(rng, scene.cross, scene.strips[0].low, scene.strips[-1].high)
        across = np.stack([across[:, 1], across[:, 0], across[:, 2] + math.pi / 2], axis=1)
        roads = [strip for strip in scene.strips if strip.kind == "road"]
        blocked = np.zeros(len(across), dtype=bool)
        for strip in roads:
            blocked |= (across[:, 1] > strip.low - 4) & (across[:, 1] < strip.high + 4)
        found.append(across[~blocked])
    return _joined(found)


def _lanes(rng: np.random.Generator, strip: Strip, start: float, end: float) -> Array:
    """Places along every lane of a road between two ends; places stand apart by ``LANE_STEP`` or more."""
    rows = []
    first = strip.low + strip.kerb + 0.4 + LANE / 2
    for lane in range(strip.lanes):
        u = np.arange(start + rng.uniform(0, LANE_STEP), end, LANE_STEP)
        u = u + rng.uniform(-0.8, 0.8, len(u))
        v = first + lane * LANE + rng.normal(0, 0.15, len(u))
        heading = (0.0 if lane < strip.lanes / 2 else math.pi) + rng.normal(0, 0.02, len(u))
        rows.append(np.stack([u, v, heading], axis=1))
    return _joined(rows)


def bay_slots(rng: np.random.Generator, scene: Scene) -> Array:
    """Parking bays of the lots (crosswise) and along the kerbs (lengthwise)."""
    found = []
    start, end = scene.reach
    for strip in scene.strips:
        if strip.kind == "lot":
            u = np.arange(start + BAY / 2, end, BAY)
            for v, turn in bay_rows(strip):
                heading = turn + math.pi * rng.integers(0, 2, len(u)) + rng.normal(0, 0.03, len(u))
                found.append(np.stack([u + rng.normal(0, 0.1, len(u)), np.full(len(u), v), heading], axis=1))
        if strip.kind == "road" and strip.kerb:
            for v, turn in ((strip.low + KERB / 2, 0.0), (strip.high - KERB / 2, math.pi)):
                u = np.arange(start + rng.uniform(0, 6), end, 5.9)
                u = u + rng.uniform(-0.3, 0.3, len(u))
                heading = turn + rng.normal(0, 0.03, len(u))
                found.append(np.stack([u, np.full(len(u), v), heading], axis=1))
    return _outside_cross(scene, _joined(found), 3.0)


def bay_rows(strip: Strip) -> list[tuple[float, float]]:
    """The middle (v, metres) and heading of every row of bays of a lot: two rows per aisle."""
    rows = []
    aisles = round((strip.high - strip.low) / (2 * BAY_DEPTH + 6.0))
    for aisle in range(aisles):
        low = strip.low + aisle * (2 * BAY_DEPTH + 6.0)
        rows += [(low + BAY_DEPTH / 2, math.pi / 2), (low + 1.5 * BAY_DEPTH + 6.0, math.pi / 2)]
    return rows


def walk_slots(rng: np.random.Generator, scene: Scene, wanted: int) -> Array:
    """Places for people on foot, half of them in groups; pavements and plazas are the busiest."""
    weights = {"pavement": 3.0, "plaza": 2.0, "beach": 1.5, "park": 0.6}
    strips = [strip for strip in scene.strips if strip.kind in WALKABLE]
    return _outside_cross(scene, _scatter(rng, scene, strips, [weights[s.kind] for s in strips], wanted), 0.5)


def water_slots(rng: np.random.Generator, scene: Scene, wanted: int) -> Array:
    """Places in the shallow water along the beaches."""
    shores = []
    for strip in scene.strips:
        if strip.kind == "water":
            depth = min(7.0, (strip.high - strip.low) / 2)
            shores += [Strip("water", strip.low + 0.6, strip.low + depth)]
            shores += [Strip("water", strip.high - depth, strip.high - 0.6)]
    return _outside_cross(scene, _scatter(rng, scene, shores, [1.0] * len(shores), wanted), 0.5)


def _scatter(rng: np.random.Generator, scene: Scene, strips: list[Strip], weights: list[float], wanted: int) -> Array:
    """Spread ``wanted`` places over strips by weight times width; every second one stands next to another."""
    if not strips or wanted < 1:
        return NO_SLOTS
    share = np.array(weights) * np.array([strip.high - strip.low for strip in strips])
    chosen = rng.choice(len(strips), size=wanted, p=share / share.sum())
    low = np.array([strip.low for strip in strips])[chosen]
    high = np.array([strip.high for strip in strips])[chosen]
    u = rng.uniform(*scene.reach, wanted)
    v = rng.uniform(low + 0.3, high - 0.3)
    grouped = rng.random(wanted) < 0.5
    leader = rng.integers(0, wanted, wanted)
    u = np.where(grouped, u[leader] + rng.normal(0, 1.2, wanted), u)
    v = np.where(grouped, np.clip(v[leader] + rng.normal(0, 1.2, wanted), low + 0.3, high - 0.3), v)
    return np.stack([u, v, rng.uniform(0, 2 * math.pi, wanted)], axis=1)


def _outside_cross(scene: Scene, slots: Array, clearance: float) -> Array:
    """Drop the places on the crossing street or within ``clearance`` metres of it."""
    if scene.cross is None:
        return slots
    u = slots[:, 0]
    return slots[(u < scene.cross.low - clearance) | (u > scene.cross.high + clearance)]


def _joined(parts: list[Array]) -> Array:
    """Concatenate slot arrays, also when there are none."""
    return np.concatenate([NO_SLOTS, *parts])
