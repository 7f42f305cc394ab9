# SPDX-License-Identifier: AGPL-3.0-or-later
"""Draws the ground of a scene: surfaces, road marks, parking bays, zebra crossings, paving."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_fine.smallobjects.objects import Colour
from yolo_fine.smallobjects.scenes import BAY, BAY_DEPTH, LANE, Scene, Strip
from yolo_fine.smallobjects.slots import bay_rows
from yolo_fine.utils.arrays import Array

SURFACES: dict[str, Colour] = {
    "road": (92, 90, 88),
    "lot": (104, 102, 99),
    "pavement": (150, 156, 160),
    "park": (62, 108, 84),
    "plaza": (158, 166, 174),
    "houses": (105, 125, 118),
    "beach": (150, 180, 196),
    "water": (122, 106, 78),
}
MARK: Colour = (205, 208, 210)
SHIFT = 4  # binary digits after the point of the coordinates given to OpenCV
FINEST = 0.35  # marks thinner than this many pixels are not drawn


def draw_ground(rng: np.random.Generator, scene: Scene) -> Array:
    """Return the bare ground as a (size, size, 3) uint8 image, blue-green-red."""
    size = scene.camera.size
    image = np.full((size, size, 3), SURFACES["park"], dtype=np.uint8)
    for strip in scene.strips:
        fill_strip(image, scene, strip, _varied(rng, SURFACES[strip.kind]))
    for strip in scene.strips:
        if strip.kind == "lot":
            _paint(image, scene, _bay_lines(scene, strip), MARK)
        elif strip.kind == "plaza":
            for joints in _paving(scene, strip):
                _paint(image, scene, joints, (136, 144, 152))
    if scene.cross is not None:
        fill_strip(image, scene, scene.cross, _varied(rng, SURFACES["road"]), across=True)
        roads = [strip for strip in scene.strips if strip.kind == "road"]
        for strip in roads:
            fill_strip(image, scene, strip, _varied(rng, SURFACES["road"]))
        start, end = scene.strips[0].low, scene.strips[-1].high
        blocked = [(strip.low - 3.5, strip.high + 3.5) for strip in roads]
        _paint(image, scene, _lane_marks(scene.cross, start, end, blocked)[..., ::-1], MARK)
    for strip in scene.strips:
        if strip.kind == "road":
            gap = [] if scene.cross is None else [(scene.cross.low - 3.5, scene.cross.high + 3.5)]
            _paint(image, scene, _lane_marks(strip, *scene.reach, gap), MARK)
            _paint(image, scene, _zebra(scene, strip), MARK)
    return image


def fill_strip(image: Array, scene: Scene, strip: Strip, colour: Colour, across: bool = False) -> None:
    """Fill a strip, cut to the visible ground; ``across`` says that its low and high are u."""
    view = scene.to_strips(scene.camera.footprint()).astype(np.float32)
    if across:
        start, end = scene.strips[0].low - 50, scene.strips[-1].high + 50
        band = np.array([[strip.low, start], [strip.high, start], [strip.high, end], [strip.low, end]])
    else:
        start, end = scene.reach
        band = np.array([[start, strip.low], [end, strip.low], [end, strip.high], [start, strip.high]])
    area, common = cv2.intersectConvexConvex(view, band.astype(np.float32))
    if area <= 0 or common is None:
        return
    ground = scene.to_ground(common.reshape(-1, 2).astype(float))
    pixels, _ = scene.camera.project(np.column_stack([ground, np.zeros(len(ground))]))
    fill(image, [pixels], colour)


def fill(image: Array, polygons: list[Array], colour: Colour | int) -> None:
    """Fill polygons, each (n, 2) in pixels, with soft edges."""
    whole = [np.round(polygon * (1 << SHIFT)).astype(np.int32) for polygon in polygons]
    if whole:
        cv2.fillPoly(image, whole, colour, lineType=cv2.LINE_AA, shift=SHIFT)


def _paint(image: Array, scene: Scene, quads: Array, colour: Colour) -> None:
    """Fill small quads, (n, 4, 2) in u and v, that lie in view and are not too thin to see."""
    if not len(quads):
        return
    ground = scene.to_ground(quads)
    pixels, depth = scene.camera.project(np.concatenate([ground, np.zeros((*ground.shape[:2], 1))], axis=2))
    size = scene.camera.size
    near = scene.camera.in_front(depth).all(axis=1)
    inside = ((pixels > -0.5 * size) & (pixels < 1.5 * size)).all(axis=(1, 2))
    short = np.minimum(np.linalg.norm(pixels[:, 1] - pixels[:, 0], axis=1), _heights(pixels))
    fill(image, list(pixels[near & inside & (short > FINEST)]), colour)


def _heights(pixels: Array) -> Array:
    """Lengths of the second side of (n, 4, 2) quads."""
    lengths: Array = np.linalg.norm(pixels[:, 2] - pixels[:, 1], axis=1)
    return lengths


def _quads(u: Array, v: Array, length: float, width: float) -> Array:
    """Rectangles (n, 4, 2) centred at u, v, ``length`` along u and ``width`` along v, in metres."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([length, width]) / 2
    quads: Array = np.stack([u, v], axis=-1)[:, None, :] + corners
    return quads


def _lane_marks(strip: Strip, start: float, end: float, blocked: list[tuple[float, float]]) -> Array:
    """Dashes between lanes, whole lines at the edges and in the middle, as short quads; none where ``blocked``."""
    first = strip.low + strip.kerb + 0.4
    parts = []
    for line in range(strip.lanes + 1):
        v = first + line * LANE
        whole = line in (0, strip.lanes) or (2 * line == strip.lanes and strip.lanes > 2)
        step, length = (4.0, 4.0) if whole else (9.0, 3.0)
        u = np.arange(start, end, step)
        for low, high in blocked:
            u = u[(u < low) | (u > high)]
        parts.append(_quads(u, np.full(len(u), v), length, 0.18))
    return np.concatenate(parts)


def _bay_lines(scene: Scene, strip: Strip) -> Array:
    """The lines between the bays of a lot."""
    u = np.arange(scene.reach[0], scene.reach[1], BAY)
    if scene.cross is not None:
        u = u[(u < scene.cross.low - 3) | (u > scene.cross.high + 3)]
    rows = [_quads(u, np.full(len(u), v), 0.14, BAY_DEPTH) for v, _ in bay_rows(strip)]
    return np.concatenate(rows)


def _zebra(scene: Scene, strip: Strip) -> Array:
    """Zebra crossings over a road on both sides of the crossing street."""
    if scene.cross is None:
        return np.zeros((0, 4, 2))
    v = np.arange(strip.low + 0.6, strip.high - 0.3, 1.1)
    sides = (scene.cross.low - 2.2, scene.cross.high + 2.2)
    return np.concatenate([_quads(np.full(len(v), u), v, 2.6, 0.5) for u in sides])


def _paving(scene: Scene, strip: Strip) -> tuple[Array, Array]:
    """Joints of a plaza's slabs, every four metres: across the strip, and along it."""
    u = np.arange(scene.reach[0], scene.reach[1], 4.0)
    v = np.arange(strip.low, strip.high, 4.0)
    columns = _quads(u, np.full(len(u), strip.middle), 0.15, strip.high - strip.low)
    grid_u, grid_v = (axis.ravel() for axis in np.meshgrid(u, v))
    return columns, _quads(grid_u, grid_v, 4.0, 0.15)


def _varied(rng: np.random.Generator, colour: Colour) -> Colour:
    """The colour, a little lighter or darker and shifted in hue."""
    varied = np.clip(np.array(colour) * rng.uniform(0.88, 1.12) + rng.normal(0, 2, 3), 0, 255)
    return float(varied[0]), float(varied[1]), float(varied[2])
