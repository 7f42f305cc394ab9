# SPDX-License-Identifier: AGPL-3.0-or-later
"""Things as seen by the camera: corners of their blocks in pixels, silhouettes and bounding boxes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from yolo_fine.smallobjects.objects import Thing
from yolo_fine.smallobjects.scenes import Scene
from yolo_fine.utils.arrays import Array

# Corners of a block in units of half length, half width and bottom / top.
CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=float)


@dataclass(frozen=True)
class Solids:
    """The blocks of a list of things, by thing.

    Attributes:
        owner: (b,) index of each block's thing.
        pixels: (b, 8, 2) corners in pixels: four at the bottom, four at the top.
        ground: (b, 8, 3) the same corners in metres.
        depth: (t,) distance of each thing from the camera along its axis, in metres.
        visible: (t,) whether the whole thing lies in front of the camera.
    """

    owner: Array
    pixels: Array
    ground: Array
    depth: Array
    visible: Array


def project_things(scene: Scene, things: list[Thing]) -> Solids:
    """Project every block of every thing."""
    rows = []
    for index, thing in enumerate(things):
        for block in thing.blocks:
            place = (index, thing.u, thing.v, thing.heading, block.along, block.across)
            rows.append((*place, block.length, block.width, block.bottom, block.top))
    table = np.array(rows, dtype=float).reshape(-1, 10)
    owner = table[:, 0].astype(int)
    u, v, heading, along, across, length, width, bottom, top = table[:, 1:].T
    local_u = along[:, None] + CORNERS[:, 0] * length[:, None] / 2
    local_v = across[:, None] + CORNERS[:, 1] * width[:, None] / 2
    cosine, sine = np.cos(heading)[:, None], np.sin(heading)[:, None]
    uv = np.stack([u[:, None] + local_u * cosine - local_v * sine, v[:, None] + local_u * sine + local_v * cosine], -1)
    base = scene.to_ground(uv)
    low = np.concatenate([base, np.broadcast_to(bottom[:, None, None], (len(base), 4, 1))], axis=2)
    high = np.concatenate([base, np.broadcast_to(top[:, None, None], (len(base), 4, 1))], axis=2)
    corners = np.concatenate([low, high], axis=1)
    pixels, depth = scene.camera.project(corners)
    nearest = np.full(len(things), np.inf)
    np.minimum.at(nearest, owner, depth.min(axis=1))
    return Solids(owner, pixels, corners, nearest, scene.camera.in_front(nearest))


def silhouette(points: Array) -> Array:
    """The convex hull, (m, 2) in pixels, of a thing's projected corners (n, 2)."""
    hull: Array = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2)
    return hull


def side_faces(pixels: Array) -> Array:
    """Which of a block's four sides face the camera: (4,) booleans for (8, 2) corners."""
    faces = []
    for side in range(4):
        a, b = pixels[side], pixels[(side + 1) % 4]
        up = pixels[side + 4] - a
        along = b - a
        faces.append(along[0] * up[1] - along[1] * up[0] < 0)
    return np.array(faces)
