# SPDX-License-Identifier: AGPL-3.0-or-later
"""Final boxes of raw outputs, and the agreement of two sets of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yolo_fine.integration.export_reference import Layout
from yolo_fine.utils.arrays import Array

CONFIDENCE, OVERLAP, MOST = 0.25, 0.7, 300  # Ultralytics' own for `yolo predict`
SAME_PLACE = 1e-3  # pixels


@dataclass
class Agreement:
    """Two sets of boxes, matched one to one within a class.

    Attributes:
        boxes: Boxes of the reference.
        matched: Those with a counterpart.
        missing: Those without, though rounding couldn't have put their score below the end of the file's list.
        extra: Boxes of the file that the reference doesn't have, likewise.
        max_conf_diff: Largest difference of confidence between counterparts.
        min_iou: Smallest IoU of counterparts.
    """

    boxes: int = 0
    matched: int = 0
    missing: int = 0
    extra: int = 0
    max_conf_diff: float = 0.0
    min_iou: float = 1.0

    def add(self, other: Agreement) -> None:
        """Count another image in."""
        self.boxes += other.boxes
        self.matched += other.matched
        self.missing += other.missing
        self.extra += other.extra
        self.max_conf_diff = max(self.max_conf_diff, other.max_conf_diff)
        self.min_iou = min(self.min_iou, other.min_iou)

    @property
    def share(self) -> float:
        """Of all boxes of either side, those that agree; 1 where there are none."""
        everything = self.matched + self.missing + self.extra
        return self.matched / everything if everything else 1.0


def final_boxes(
    output: Array, layout: Layout, classes: int, size: tuple[int, int], *, conf: float = CONFIDENCE,
    iou: float = OVERLAP, max_det: int = MOST,
) -> list[Array]:  # fmt: skip
    """Boxes that a user gets: a candidate's best class, a limit on confidence, NMS by class where the head needs it.

    Args:
        output: First output of the network.
        layout: How to read it.
        classes: Number of classes.
        size: Height and width of the input.
        conf: Least confidence.
        iou: Overlap at which NMS takes two boxes for one.
        max_det: Most boxes of an image.

    Returns:
        For each image x1 y1 x2 y2 score class in pixels of the input, shape (n, 6), float64, by falling score.
    """
    found = []
    for image in output.astype(np.float64):
        if layout == "rows":
            rows = image[:, :6]
        else:
            cells = image.T if layout == "grid" else image
            centre, sides = cells[:, :2], cells[:, 2:4]
            corners = np.concatenate([centre - sides / 2, centre + sides / 2], axis=1)
            if layout in ("queries", "query_rows"):
                corners *= np.array([size[1], size[0]] * 2, dtype=np.float64)
            scores = cells[:, 4 : 4 + classes]
            best = cells[:, 4:6] if layout == "query_rows" else np.column_stack([scores.max(1), scores.argmax(1)])
            rows = np.column_stack([corners, best])
        rows = rows[rows[:, 4] >= conf]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        if layout == "grid":
            rows = _suppress(rows, iou)
        found.append(rows[:max_det])
    return found


def _suppress(rows: Array, iou: float) -> Array:
    """Non-maximum suppression within each class."""
    import torch
    from torchvision.ops import batched_nms  # type: ignore[import-untyped]

    columns = torch.from_numpy(rows)
    kept = batched_nms(columns[:, :4], columns[:, 4], columns[:, 5].long(), iou)
    suppressed: Array = rows[kept.numpy()]
    return suppressed


def agree(
    expected: Array, got: Array, *, iou: float, slack: float, confidence: float | None = None,
    conf: float = CONFIDENCE, floor: float = CONFIDENCE,
) -> Agreement:  # fmt: skip
    """Match the boxes of one image, those of higher confidence first.

    Args:
        expected: Boxes of the reference, (n, 6), by falling score.
        got: Boxes of the file, likewise.
        iou: Least overlap of counterparts.
        slack: How far a score may be off: a box that is nearer to ``floor`` may be on one side only.
        confidence: Largest difference of the confidences of counterparts; None = any.
        conf: The boxes that count have this confidence; those below are counterparts only.
        floor: Where both lists end.
    """
    for rows in (expected, got):
        if len(rows) >= MOST:  # a full list ends earlier
            floor = max(floor, float(rows[-1, 4]))
    sure = max(conf, floor + slack)
    overlap = overlaps(expected, got)
    taken = np.zeros(len(got), dtype=bool)
    result = Agreement(boxes=int((expected[:, 4] >= conf).sum()))
    for index, box in enumerate(expected):
        is_other = taken | (got[:, 5] != box[5])
        if confidence is not None:
            is_other |= abs(got[:, 4] - box[4]) > confidence
        fits = np.where(is_other, 0.0, overlap[index])
        best = int(fits.argmax()) if len(fits) else -1
        if best >= 0 and fits[best] >= iou:
            taken[best] = True
            if box[4] >= conf:
                result.matched += 1
                result.max_conf_diff = max(result.max_conf_diff, float(abs(box[4] - got[best, 4])))
                result.min_iou = min(result.min_iou, float(fits[best]))
        elif box[4] >= sure:
            result.missing += 1
    result.extra = int((~taken & (got[:, 4] >= sure)).sum())
    return result


def overlaps(one: Array, two: Array) -> Array:
    """IoU of every box of one set with every box of another: (n, 4 or more) and (m, 4 or more) -> (n, m).

    Corners may be the wrong way round, as an untrained network gives them; a box without area overlaps its like wholly.
    """
    lows = [np.minimum(boxes[:, :2], boxes[:, 2:4]) for boxes in (one, two)]
    highs = [np.maximum(boxes[:, :2], boxes[:, 2:4]) for boxes in (one, two)]
    shared = np.minimum(highs[0][:, None], highs[1][None]) - np.maximum(lows[0][:, None], lows[1][None])
    shared = shared.clip(0).prod(2)
    areas = [(high - low).prod(1) for low, high in zip(lows, highs, strict=True)]
    union = areas[0][:, None] + areas[1][None] - shared
    same = np.abs(one[:, None, :4] - two[None, :, :4]).max(2, initial=0) < SAME_PLACE
    iou: Array = np.where(union > 0, shared / np.where(union > 0, union, 1), same)
    return iou
