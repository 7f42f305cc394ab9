# SPDX-License-Identifier: AGPL-3.0-or-later
"""Differences of raw outputs, by group of channels, each relative to what its numbers mean.

Boxes are relative to the longer side of the network's input (1e-4 of 640 is 0.064 pixels), scores and everything else
to the largest number of that group in the reference (scores: to 0.001 at least): of one small number the relative error
would say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.integration.export_reference import Layout
from yolo_fine.utils.arrays import Array

LEAST_SCALE = 1e-3  # of scores: an untrained head gives 1e-4, and onnxruntime's sigmoid is right to 3e-8 only
LEAST_QUERY_SCORE = 0.05  # RT-DETR's weaker queries are chosen by near ties, and may be others


class OutputMismatch(Exception):
    """Outputs that can't be compared: another number or shape of them, or numbers that are not finite."""


@dataclass(frozen=True)
class GroupError:
    """How far one group of numbers is off, on one batch.

    Attributes:
        group: ``boxes``, ``scores``, ``others``, or ``output1`` for a further output.
        count: Numbers compared.
        max_abs: Largest absolute difference, in the output's own unit (boxes: pixels).
        mean_abs: Mean of it.
        scale: What they are relative to.
    """

    group: str
    count: int
    max_abs: float
    mean_abs: float
    scale: float


def compare_outputs(
    expected: list[Array], got: list[Array], *, layout: Layout, classes: int, side: int, floor: float = 0.0
) -> list[GroupError]:
    """Compare the outputs of one batch.

    Args:
        expected: Of the reference.
        got: Of the file.
        layout: Of the first output, see :class:`~yolo_fine.integration.export_reference.Reference`.
        classes: Number of classes.
        side: Longer side of the input, in pixels.
        floor: Confidence below which embedded NMS drops boxes.

    Raises:
        OutputMismatch: They can't be compared; the message says why.
    """
    shapes, seen = [y.shape for y in expected], [y.shape for y in got]
    if shapes != seen:
        raise OutputMismatch(f"outputs of shape {_shapes(seen)} instead of {_shapes(shapes)}")
    if not all(np.isfinite(y).all() for y in got):
        raise OutputMismatch("outputs hold numbers that are not finite")
    first, other = expected[0].astype(np.float64), got[0].astype(np.float64)
    errors = []
    if layout == "rows":
        errors += _compare_rows(first, other, float(side), floor)
    elif layout == "query_rows":
        errors += _compare_rows(first, other, 1.0, LEAST_QUERY_SCORE)
    elif layout == "queries":
        errors += _compare_queries(first, other)
    elif layout == "grid":
        for group, channels in _groups(first.shape[1], classes).items():
            scale = float(side) if group == "boxes" else _largest(first[:, channels], group)
            errors.append(_error(group, np.abs(first[:, channels] - other[:, channels]), scale))
    else:
        errors.append(_error("output0", np.abs(first - other), _largest(first)))
    for index, (one, two) in enumerate(zip(expected[1:], got[1:], strict=True), start=1):
        errors.append(_error(f"output{index}", np.abs(one.astype(np.float64) - two), _largest(one)))
    return errors


def match_rows(expected: Array, got: Array, floor: float) -> tuple[Array, Array]:
    """Pair the rows of two lists, each x1 y1 x2 y2 score class ..., sorted by falling score, for one image.

    Rows with nearly equal scores may change places, and the last ones may be in one list only. So each row that is
    clearly above the other list's end is paired with the nearest row of its class, in both directions.

    Returns:
        The paired rows, (pairs, columns) each. A row whose class the other list lacks is paired with one that is as far
        off as can be.
    """
    highest = np.maximum(np.sort(expected[:, 4])[::-1], floor), np.maximum(np.sort(got[:, 4])[::-1], floor)
    noise = float(np.abs(highest[0] - highest[1]).max(initial=0))
    pairs: list[tuple[Array, Array]] = []
    for rows, others, turned in ((expected, got, False), (got, expected, True)):
        end = max(float(others[:, 4].min(initial=1)), floor)
        for row in rows[rows[:, 4] > end + 2 * noise]:
            far = np.abs(others[:, :4] - row[:4]).max(1) + np.abs(others[:, 4] - row[4])
            far[np.round(others[:, 5]) != np.round(row[5])] = np.inf
            nearest = others[int(far.argmin())] if np.isfinite(far).any() else np.zeros_like(row)
            pairs.append((nearest, row) if turned else (row, nearest))
    empty = np.zeros((0, expected.shape[1]))
    return (np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])) if pairs else (empty, empty)


def _compare_rows(expected: Array, got: Array, side: float, floor: float) -> list[GroupError]:
    """Differences of (batch, n, 6 + others) lists; the sorted scores are compared whatever the rows are."""
    columns = expected.shape[2]
    ones, twos, scores = [], [], []
    for one, two in zip(expected, got, strict=True):
        paired, counterpart = match_rows(one, two, floor)
        ones.append(paired)
        twos.append(counterpart)
        ordered = np.maximum(np.sort(one[:, 4]), floor) - np.maximum(np.sort(two[:, 4]), floor)
        scores += [np.abs(ordered), np.abs(paired[:, 4] - counterpart[:, 4])]
    first, other = np.concatenate(ones), np.concatenate(twos)
    errors = [
        _error("boxes", np.abs(first[:, :4] - other[:, :4]), side),
        _error("scores", np.concatenate(scores), _largest(expected[..., 4], "scores")),
    ]
    if columns > 6:
        errors.append(_error("others", np.abs(first[:, 6:] - other[:, 6:]), _largest(expected[..., 6:])))
    return errors


def _compare_queries(expected: Array, got: Array) -> list[GroupError]:
    """Differences of RT-DETR's (batch, n, 4 + classes): every query that sees something, and the nearest one to it."""
    boxes, scores = [np.zeros((0, 4))], [np.zeros((0, expected.shape[2] - 4))]
    for one, two in zip(expected, got, strict=True):
        for rows, others in ((one, two), (two, one)):
            for row in rows[rows[:, 4:].max(1) >= LEAST_QUERY_SCORE]:
                gaps = np.abs(others - row)
                nearest = gaps[int(gaps.max(1).argmin())]
                boxes.append(nearest[None, :4])
                scores.append(nearest[None, 4:])
    return [
        _error("boxes", np.concatenate(boxes), 1.0),
        _error("scores", np.concatenate(scores), _largest(expected[..., 4:], "scores")),
    ]


def _groups(channels: int, classes: int) -> dict[str, slice]:
    """Channels of a grid output: boxes, scores, and what segment, pose and obb heads add."""
    groups = {"boxes": slice(0, 4), "scores": slice(4, 4 + classes)}
    return {**groups, "others": slice(4 + classes, None)} if channels > 4 + classes else groups


def _error(group: str, gaps: Array, scale: float) -> GroupError:
    return GroupError(group, gaps.size, float(gaps.max(initial=0)), float(gaps.mean()) if gaps.size else 0.0, scale)


def _largest(values: Array, group: str = "others") -> float:
    """The largest magnitude; 1 for zeros, of which nothing can be a fraction."""
    largest = float(np.abs(values).max(initial=0))
    return max(largest, LEAST_SCALE) if group == "scores" else largest or 1.0


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in shapes) or "none"
