# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the objects look like: each is a few boxes standing on the ground, in metres.

A car on the road and a parked car are the same shape in the same colours, and so are a person on land and a bather:
only what surrounds them tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.utils.arrays import Array

NAMES = ("person", "bather", "cyclist", "car", "parked-car", "truck")
PERSON, BATHER, CYCLIST, CAR, PARKED_CAR, TRUCK = range(6)
# The same where look-alikes count as one class: a task for a detector that trains for a minute.
MERGED_NAMES = ("person", "vehicle")
MERGED = {PERSON: 0, BATHER: 0, CYCLIST: 0, CAR: 1, PARKED_CAR: 1, TRUCK: 1}
# The VisDrone classes whose sizes and shares each pair of look-alikes follows.
VISDRONE_GROUPS = {
    "people": ("pedestrian", "people"),
    "two-wheelers": ("bicycle", "motor", "tricycle", "awning-tricycle"),
    "cars": ("car",),
    "trucks": ("van", "truck", "bus"),
}
GROUP_CLASSES = {
    "people": (PERSON, BATHER),
    "two-wheelers": (CYCLIST,),
    "cars": (CAR, PARKED_CAR),
    "trucks": (TRUCK,),
}
Colour = tuple[float, float, float]  # blue, green, red, 0..255
GLASS: Colour = (60, 50, 45)
SKIN: Colour = (120, 150, 195)
PAINTS: tuple[Colour, ...] = (
    *((235, 235, 235), (225, 228, 226), (190, 190, 188), (150, 152, 150), (40, 40, 42), (55, 52, 50)),
    *((40, 40, 170), (150, 70, 35), (110, 60, 40), (70, 110, 70), (60, 140, 200), (120, 160, 180)),
)
CLOTHES: tuple[Colour, ...] = (
    *((45, 40, 40), (70, 60, 55), (200, 200, 205), (150, 60, 50), (60, 60, 170), (60, 130, 190)),
    *((90, 120, 60), (120, 90, 130), (160, 150, 140), (40, 110, 110)),
)


@dataclass(frozen=True)
class Block:
    """An upright box: part of an object. Offsets are from the object's middle, ``along`` its heading and ``across`` it.

    All lengths are metres; ``bottom`` and ``top`` are heights above the ground.
    """

    along: float
    across: float
    length: float
    width: float
    bottom: float
    top: float
    colour: Colour
    lid: Colour | None = None  # colour of the top face, if another


@dataclass(frozen=True)
class Thing:
    """An object, tree or house to draw: its place (strip coordinates and heading), its blocks and its class.

    ``label`` is the class index, or None for what is not annotated. ``crowns`` are a tree's round parts: rows of
    (along, across, height, radius).
    """

    u: float
    v: float
    heading: float
    blocks: tuple[Block, ...]
    label: int | None = None
    crowns: tuple[tuple[float, float, float, float], ...] = ()
    colour: Colour = (0, 0, 0)

    def extent(self) -> tuple[float, float]:
        """Half length and half width of the ground it takes, in metres."""
        length = max(abs(block.along) + block.length / 2 for block in self.blocks)
        width = max(abs(block.across) + block.width / 2 for block in self.blocks)
        return length, width


def make_object(rng: np.random.Generator, label: int, slot: Array, growth: float = 1.0) -> Thing:
    """Build an object of class ``label`` at ``slot`` = (u, v, heading), ``growth`` times its natural size."""
    shapes = {PERSON: _person, BATHER: _person, CYCLIST: _cyclist, CAR: _car, PARKED_CAR: _car, TRUCK: _truck}
    blocks = shapes[label](rng)
    size = growth * float(np.exp(rng.normal(0, 0.15)))
    grown = tuple(
        Block(
            b.along * size, b.across * size, b.length * size, b.width * size, b.bottom * size, b.top * size, *paint(b)
        )
        for b in blocks
    )
    return Thing(float(slot[0]), float(slot[1]), float(slot[2]), grown, label)


def paint(block: Block) -> tuple[Colour, Colour | None]:
    """The two colours of a block."""
    return block.colour, block.lid


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of the colours, a little varied."""
    chosen = np.array(colours[int(rng.integers(len(colours)))], dtype=float)
    varied = np.clip(chosen * rng.uniform(0.85, 1.1) + rng.normal(0, 5, 3), 10, 250)
    return float(varied[0]), float(varied[1]), float(varied[2])


def _person(rng: np.random.Generator) -> list[Block]:
    """Legs, trunk and head; wider in stride."""
    legs, trunk = _pick(rng, CLOTHES), _pick(rng, CLOTHES)
    stride = rng.uniform(0.28, 0.62)
    hair = _pick(rng, ((30, 35, 45), (50, 70, 100), SKIN))
    return [
        Block(0, 0, stride, 0.30, 0.0, 0.85, legs),
        Block(0, 0, 0.32, 0.52, 0.85, 1.48, trunk),
        Block(0, 0, 0.24, 0.22, 1.48, 1.76, SKIN, hair),
    ]


def _cyclist(rng: np.random.Generator) -> list[Block]:
    """A bicycle, moped or three-wheeler with its rider."""
    frame, trunk = _pick(rng, PAINTS), _pick(rng, CLOTHES)
    blocks = [
        Block(0, 0, 1.75, 0.16, 0.0, 0.62, (45, 45, 45), frame),
        Block(0.55, 0, 0.12, 0.62, 0.62, 1.0, frame),
        Block(-0.1, 0, 0.42, 0.50, 0.75, 1.42, trunk),
        Block(-0.05, 0, 0.25, 0.24, 1.42, 1.70, SKIN, _pick(rng, CLOTHES)),
    ]
    if rng.random() < 0.25:
        blocks.insert(1, Block(-0.9, 0, 0.9, 1.0, 0.3, 1.1, _pick(rng, PAINTS)))
    return blocks


def _car(rng: np.random.Generator) -> list[Block]:
    """A body with a glazed cabin, its roof in the body's colour."""
    colour = _pick(rng, PAINTS)
    length, width = rng.uniform(3.9, 4.9), rng.uniform(1.72, 1.9)
    cabin = length * rng.uniform(0.42, 0.55)
    back = -length * rng.uniform(0.05, 0.1)
    return [
        Block(0, 0, length, width, 0.15, 0.85, colour),
        Block(back, 0, cabin + 0.7, width * 0.9, 0.85, 1.15, GLASS),
        Block(back, 0, cabin, width * 0.84, 1.15, 1.42, GLASS, colour),
    ]


def _truck(rng: np.random.Generator) -> list[Block]:
    """A van, a lorry with a separate cab, or a bus with a row of windows."""
    colour = _pick(rng, PAINTS)
    kind = rng.choice(3, p=[0.62, 0.24, 0.14])
    if kind == 0:
        length = rng.uniform(4.9, 5.9)
        return [
            Block(0, 0, length, 2.0, 0.2, 1.2, colour),
            Block(-0.35, 0, length - 0.9, 1.95, 1.2, 1.6, GLASS),
            Block(-0.45, 0, length - 1.2, 1.9, 1.6, 2.1, colour),
        ]
    if kind == 1:
        length, box = rng.uniform(6.2, 8.5), _pick(rng, PAINTS)
        return [
            Block(-0.9, 0, length - 2.0, 2.35, 0.5, 3.0, box),
            Block(length / 2 - 0.85, 0, 1.7, 2.2, 0.4, 1.5, colour),
            Block(length / 2 - 0.95, 0, 1.5, 2.1, 1.5, 2.4, GLASS, colour),
        ]
    length = rng.uniform(9.5, 12.0)
    return [
        Block(0, 0, length, 2.5, 0.3, 1.4, colour),
        Block(0, 0, length - 0.1, 2.45, 1.4, 2.4, GLASS),
        Block(0, 0, length, 2.5, 2.4, 3.0, colour),
    ]
