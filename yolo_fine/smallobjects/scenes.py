# SPDX-License-Identifier: AGPL-3.0-or-later
"""What lies on the ground: strips of road, pavement, parking lot, park, plaza, houses, beach and water.

A scene is a stack of parallel strips, with an optional street across them. Along a strip runs the coordinate ``u``,
across the strips ``v``, both in metres from the ground point at the image's centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from yolo_fine.smallobjects.camera import Camera
from yolo_fine.utils.arrays import Array

LANE = 3.4  # metres
KERB = 2.4  # metres of kerbside parking
BAY = 2.7  # metres of road that one parked car takes, standing crosswise
BAY_DEPTH = 5.2
WALKABLE = ("pavement", "park", "plaza", "beach")
WIDTHS = {
    "pavement": (3.0, 5.5),
    "park": (12.0, 30.0),
    "plaza": (12.0, 26.0),
    "houses": (14.0, 24.0),
    "beach": (5.0, 10.0),
    "water": (14.0, 34.0),
}


@dataclass(frozen=True)
class Strip:
    """One strip of ground from ``low`` to ``high`` (v, metres). Roads have lanes and perhaps kerbside parking."""

    kind: str
    low: float
    high: float
    lanes: int = 0
    kerb: float = 0.0

    @property
    def middle(self) -> float:
        """Centre line (v, metres)."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Scene:
    """The ground of one image.

    Attributes:
        camera: The camera that looks at it.
        centre: (2,) ground point at the image's centre, the origin of u and v.
        angle: Direction of u on the ground, radians.
        strips: The strips, by rising v.
        reach: (u_low, u_high) of the visible ground.
        cross: Street across the strips (its low and high are u), or None.
    """

    camera: Camera
    centre: Array
    angle: float
    strips: list[Strip] = field(default_factory=list)
    reach: tuple[float, float] = (0.0, 0.0)
    cross: Strip | None = None

    def to_ground(self, uv: Array) -> Array:
        """Turn (..., 2) strip coordinates into (..., 2) ground coordinates."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        u, v = uv[..., 0], uv[..., 1]
        ground: Array = np.stack([u * cosine - v * sine, u * sine + v * cosine], axis=-1) + self.centre
        return ground

    def to_strips(self, ground: Array) -> Array:
        """Turn (..., 2) ground coordinates into (..., 2) strip coordinates."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x, y = np.moveaxis(ground - self.centre, -1, 0)
        return np.stack([x * cosine + y * sine, y * cosine - x * sine], axis=-1)

    def kind_at(self, uv: Array) -> list[str]:
        """The kind of ground at each of (n, 2) strip coordinates; the crossing street counts as road."""
        kinds = []
        for u, v in uv:
            if self.cross is not None and self.cross.low <= u <= self.cross.high:
                kinds.append("road")
            else:
                kinds.append(next((strip.kind for strip in self.strips if strip.low <= v < strip.high), "park"))
        return kinds


def plan_scene(rng: np.random.Generator, camera: Camera) -> Scene:
    """Choose the ground of one image: which strips, in which direction, and whether a street crosses them."""
    centre = camera.ground(np.array([camera.size / 2, camera.size / 2]))
    angle = rng.uniform(0, math.pi)
    empty = Scene(camera, centre, angle)
    corners = empty.to_strips(camera.footprint())
    u_low, u_high = corners[:, 0].min(), corners[:, 0].max()
    v_low, v_high = corners[:, 1].min(), corners[:, 1].max()
    strips = _stack_strips(rng, v_low, v_high)
    cross = None
    if rng.random() < 0.6:
        lanes = int(rng.choice([2, 2, 4]))
        low = rng.uniform(0.7 * u_low, 0.7 * u_high) - lanes * LANE / 2
        cross = Strip("road", low, low + lanes * LANE + 0.8, lanes)
    return Scene(camera, centre, angle, strips, (float(u_low), float(u_high)), cross)


def _stack_strips(rng: np.random.Generator, v_low: float, v_high: float) -> list[Strip]:
    """Stack strips in both directions, starting from a road in view, until the visible ground is covered."""
    first = _road(rng, rng.uniform(0.6 * v_low, 0.6 * v_high) - 6.0)
    upwards, downwards = [first], []
    while upwards[-1].high < v_high:
        for kind in _next_kinds(rng):
            upwards.append(_strip(rng, kind, upwards[-1].high))
    edge = first.low
    while edge > v_low:
        for kind in _next_kinds(rng):
            strip = _strip(rng, kind, 0.0)
            width = strip.high - strip.low
            downwards.append(Strip(kind, edge - width, edge, strip.lanes, strip.kerb))
            edge -= width
    return [*reversed(downwards), *upwards]


def _next_kinds(rng: np.random.Generator) -> list[str]:
    """One block of the town between two roads, and the road after it."""
    use = str(rng.choice(["lot", "park", "plaza", "houses", "water"], p=[0.28, 0.15, 0.13, 0.16, 0.28]))
    block = ["beach", "water", "beach"] if use == "water" else [use]
    return ["pavement", *block, "pavement", "road"]


def _strip(rng: np.random.Generator, kind: str, low: float) -> Strip:
    """A strip of the given kind that starts at ``low``."""
    if kind == "road":
        return _road(rng, low)
    if kind == "lot":
        return Strip(kind, low, low + int(rng.integers(1, 3)) * (2 * BAY_DEPTH + 6.0))
    return Strip(kind, low, low + rng.uniform(*WIDTHS[kind]))


def _road(rng: np.random.Generator, low: float) -> Strip:
    """A road of two to six lanes that starts at ``low``, half of them with parked cars along the kerb."""
    lanes = int(rng.choice([2, 3, 4, 6], p=[0.35, 0.15, 0.35, 0.15]))
    kerb = KERB if rng.random() < 0.5 else 0.0
    return Strip("road", low, low + lanes * LANE + 2 * kerb + 0.8, lanes, kerb)
