# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures of detections, of numbers on cells, of channels, and of sampling points. All are BGR, uint8."""

from __future__ import annotations

import cv2
import numpy as np

from yolo_fine.explaining.placing import Placing
from yolo_fine.layers.views import Bars, Points
from yolo_fine.utils.arrays import Array

LONGER = 1000  # pixels of a picture's longer side, at least, where that is a whole multiple of the image
SMALL, LARGE, ALONE = (31, 159, 255), (180, 120, 40), (200, 60, 220)  # amber, blue, magenta
INK, PAPER, RULE = (38, 33, 29), (255, 255, 255), (214, 214, 208)
CROP = 300  # pixels of one place whose sampling points are drawn


def canvas(image: Array) -> tuple[Array, int]:
    """The image enlarged by a whole factor so that small objects can be seen, and the factor."""
    factor = max(1, round(LONGER / max(image.shape[:2])))
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), factor


def draw_boxes(image: Array, boxes: Array, small: Array, alone: Array | None = None) -> Array:
    """Detections: small ones amber, others blue; those of one model alone thick, with a magenta frame.

    Args:
        image: The image.
        boxes: Left, top, right, bottom in its pixels; shape (n, 4 or more).
        small: Whether each is small.
        alone: Whether the other model has no box there.
    """
    picture, factor = canvas(image)
    for index in np.argsort(small, kind="stable"):  # small ones on top
        left, top, right, bottom = (round(float(side) * factor) for side in boxes[index, :4])
        only_here = alone is not None and bool(alone[index])
        if only_here:
            cv2.rectangle(picture, (left - 4, top - 4), (right + 3, bottom + 3), ALONE, 3)
        colour, thickness = (SMALL, 2) if small[index] else (LARGE, 1)
        cv2.rectangle(picture, (left - 1, top - 1), (right, bottom), colour, thickness + only_here)
    return picture


def draw_heat(image: Array, values: Array, placing: Placing, limits: tuple[float, float, float | None]) -> Array:
    """Numbers of cells over the image, whose colours are faded.

    Args:
        image: The image.
        values: (h, w), of the cells of a map.
        placing: Where the image lies on the network's input.
        limits: Lowest and highest number of the colours, and the one that is left transparent, or None.
    """
    picture, _ = canvas(image)
    low, high, neutral = limits
    grid = placing.off_input(values, (picture.shape[0], picture.shape[1]))
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(np.float32)
    if neutral is None:
        share = np.clip((grid - low) / max(high - low, 1e-9), 0, 1)
        colours = cv2.applyColorMap((share * 255).astype(np.uint8), cv2.COLORMAP_INFERNO).astype(np.float32)
        strength = 0.25 + 0.5 * share
    else:
        reach = max(high - neutral, neutral - low, 1e-9)
        share = np.clip((grid - neutral) / reach, -1, 1)
        ends = np.array([[150, 80, 20], [30, 60, 210]], dtype=np.float32)  # below: blue, above: red
        colours = ends[(share > 0).astype(int)]
        strength = 0.8 * np.abs(share)
    mixed = grey * (1 - strength[..., None]) + colours * strength[..., None]
    return np.asarray(mixed.clip(0, 255).astype(np.uint8))


def draw_bars(bars: Bars) -> Array:
    """A bar for each channel by falling height, or for each map with its name; a line where nothing is done."""
    values = bars.values[0].float().cpu().numpy()
    if not bars.labels:
        values = np.sort(values)[::-1]
    width, height, left, top = 1000, 240, 70, 20
    end = max(float(values.max()), bars.neutral or 0.0, 1e-9)
    start = min(float(values.min()), 0.0)
    picture = np.full((height + 60, width, 3), PAPER, dtype=np.uint8)

    def level(value: float) -> int:
        return int(top + (end - value) / (end - start) * height)

    for value in (start, end):
        write(picture, f"{value:.3g}", (6, level(value) + 5))
        cv2.line(picture, (left, level(value)), (width - 10, level(value)), RULE, 1)
    step = (width - 10 - left) / len(values)
    for index, value in enumerate(values):
        begin, stop = int(left + index * step), int(left + (index + (0.9 if step > 3 else 1)) * step)
        cv2.rectangle(picture, (begin, level(float(value))), (max(begin, stop - 1), level(0.0)), LARGE, -1)
        if bars.labels:
            write(picture, f"{bars.labels[index]}: {value:.3f}", (begin + 4, height + top + 24))
    if bars.neutral is not None:
        cv2.line(picture, (left, level(bars.neutral)), (width - 10, level(bars.neutral)), SMALL, 2)
    if not bars.labels:
        write(picture, f"{len(values)} channels, largest first", (left, height + top + 24))
    return picture


def draw_points(image: Array, points: Points, placing: Placing, places: list[tuple[float, float]]) -> Array:
    """Where output cells look, at some places of the image (x, y): the cell, and its points, as large as they count."""
    on_input = placing.on_input(image)
    rows, columns, weights = (part[0].float().cpu().numpy() for part in (points.rows, points.columns, points.weights))
    found = [placing.cell(*at, (image.shape[0], image.shape[1]), (rows.shape[1], rows.shape[2])) for at in places]
    return np.concatenate([_one_place(on_input, (rows, columns, weights), points.cells, *at) for at in found], axis=1)


def _one_place(
    on_input: Array, looks: tuple[Array, Array, Array], cells: tuple[int, int], row: int, column: int
) -> Array:
    """What the output cell at (row, column) reads of a map of so many cells (high, wide)."""
    rows, columns, weights = looks
    pitch = np.array([on_input.shape[0] / cells[0], on_input.shape[1] / cells[1]])  # pixels of a cell that is read
    fine = np.array([on_input.shape[0] / rows.shape[1], on_input.shape[1] / rows.shape[2]])  # of an output cell
    centre = (np.array([row, column]) + 0.5) * fine
    targets = (np.stack([rows[:, row, column], columns[:, row, column]], 1) + 0.5) * pitch
    counting = weights[:, row, column] > 0.02 * weights[:, row, column].max()
    reach = max(3.5 * pitch.max(), np.abs(targets[counting] - centre).max() + pitch.max())
    zoom = CROP / (2 * reach)
    start = centre - reach
    move = np.array([[zoom, 0, -start[1] * zoom], [0, zoom, -start[0] * zoom]])
    part = cv2.warpAffine(on_input, move, (CROP, CROP), flags=cv2.INTER_LINEAR, borderValue=(114, 114, 114))
    part = cv2.addWeighted(part, 0.75, np.full_like(part, 255), 0.25, 0)
    for axis in (0, 1):
        for line in np.arange(np.ceil(start[axis] / pitch[axis]), (start[axis] + 2 * reach) / pitch[axis]):
            at = int((line * pitch[axis] - start[axis]) * zoom)
            ends = ((0, at), (CROP, at)) if axis == 0 else ((at, 0), (at, CROP))
            cv2.line(part, *ends, (170, 170, 170), 1)
    corner = ((centre - fine / 2 - start) * zoom).round().astype(int)
    other = ((centre + fine / 2 - start) * zoom).round().astype(int)
    cv2.rectangle(part, tuple(map(int, corner[::-1])), tuple(map(int, other[::-1])), INK, 2)
    largest = weights[:, row, column].max()
    for target, weight in zip(targets, weights[:, row, column], strict=True):
        radius = int(max(1.0, 9 * np.sqrt(max(float(weight), 0.0) / largest)))
        spot = ((target - start) * zoom).round().astype(int)
        cv2.circle(part, (int(spot[1]), int(spot[0])), radius, SMALL, -1, cv2.LINE_AA)
        cv2.circle(part, (int(spot[1]), int(spot[0])), radius, INK, 1, cv2.LINE_AA)
    return np.asarray(cv2.copyMakeBorder(part, 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=PAPER))


def write(picture: Array, text: str, place: tuple[int, int]) -> None:
    """Write a few plain words into a picture."""
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
