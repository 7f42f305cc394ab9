# SPDX-License-Identifier: AGPL-3.0-or-later
"""One image in overlapping slices, and the boxes of all of them merged: what evaluation and prediction share.

The method: Akyon et al., "Slicing Aided Hyper Inference and Fine-tuning for Small Object Detection", ICIP 2022.

SAHI lays out the slices and merges the boxes; in between, Ultralytics predicts the slices of an image in batches.
SAHI's own loop around a model builds Python objects for every box, which at conf=0.001 takes longer than the network.

* Merging is non-maximum suppression. SAHI's other merges join the boxes that overlap; at the low ``conf`` of an
  evaluation they grow boxes over whole groups, and SAHI itself falls back to suppression there.
* A box that ends at an inner border of its slice is of a part of an object. ``drop_cut`` leaves such boxes out before
  the merge: an object smaller than the overlap is whole in another slice, a larger one is left to the whole image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from yolo_fine.errors import ArgumentError
from yolo_fine.utils.arrays import Array
from yolo_fine.utils.hints import did_you_mean

OVERLAP_METRICS = {"nms": "IOU", "nms_ios": "IOS"}  # SAHI's names: over the union, over the smaller box
CUT_MARGIN = 2.0  # pixels from a slice's inner border at which a box counts as cut by it

# A detector: images in, and of each its boxes out: left, top, right, bottom, score, category; shape (n, 6), float64.
Detect = Callable[[list[Array]], list[Array]]


@dataclass
class Slicer:
    """How an image is sliced, and how the boxes are merged.

    Attributes:
        size: Side of a slice in pixels. An image that is not larger is one slice.
        overlap: Share of a slice that the next one covers again, from 0 to below 1.
        whole_image: Add the boxes of the whole image, for objects that no slice holds.
        drop_cut: Leave out boxes that end at an inner border of their slice. With ``overlap=0`` nothing is left out,
            because no other slice has the object.
        merge: Suppression by intersection over union (``nms``), or (``nms_ios``) over the smaller of two boxes.
        merge_iou: Overlap from which the lower of two boxes is dropped when slices are merged.
        class_agnostic: Merge boxes of different classes too.
        max_det: Most detections kept in an image after the merge.
        batch: Slices that are detected at once.

    Raises:
        ArgumentError: A value is out of range, or SAHI is not installed.
    """

    size: int
    overlap: float = 0.2
    whole_image: bool = True
    drop_cut: bool = True
    merge: str = "nms"
    merge_iou: float = 0.5
    class_agnostic: bool = False
    max_det: int = 500
    batch: int = 1
    _lay_out: Callable[..., Any] = field(init=False, repr=False)
    _suppress: Callable[..., Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise ArgumentError(f"overlap={self.overlap}: expected a share of the slice, from 0 to below 1")
        if not 0 < self.merge_iou <= 1:
            raise ArgumentError(f"merge_iou={self.merge_iou}: expected a number above 0, up to 1")
        if self.merge not in OVERLAP_METRICS:
            near = did_you_mean(self.merge, OVERLAP_METRICS)
            raise ArgumentError(f"merge={self.merge} is none of {', '.join(OVERLAP_METRICS)}{near}")
        self._lay_out, self._suppress = _sahi(self.class_agnostic)

    def run(self, pixels: Array, detect: Detect) -> tuple[Array, dict[str, float]]:
        """The boxes of one image.

        Args:
            pixels: Shape (height, width, bands), uint8.
            detect: The detector, for slices and for the whole image.

        Returns:
            Boxes by falling score: left, top, right, bottom in pixels of the image, score, category; shape (n, 6). And
            the milliseconds that ``slicing`` and ``merge`` took.
        """
        started = perf_counter()
        height, width = pixels.shape[:2]
        places = np.array(self._lay_out(height, width, self.size, self.size, False, self.overlap, self.overlap))
        slices = [np.ascontiguousarray(pixels[top:bottom, left:right]) for left, top, right, bottom in places]
        times = {"slicing": 1e3 * (perf_counter() - started)}
        found = []
        for start in range(0, len(slices), self.batch):
            some = slice(start, start + self.batch)
            for place, rows in zip(places[some], detect(slices[some]), strict=True):
                rows[:, :4] += [place[0], place[1], place[0], place[1]]
                kept = rows[~cut(rows, place, width, height)] if self.drop_cut and self.overlap > 0 else rows
                found.append(kept)
        if self.whole_image and len(slices) > 1:
            found += detect([pixels])
        started = perf_counter()
        rows = np.concatenate(found)
        if len(slices) > 1:
            rows = rows[self._suppress(rows, OVERLAP_METRICS[self.merge], self.merge_iou)]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")][: self.max_det]
        return rows, {**times, "merge": 1e3 * (perf_counter() - started)}


def cut(rows: Array, place: Array, width: int, height: int) -> Array:
    """Which boxes end at a border of their slice that is not a border of the image.

    Args:
        rows: Boxes in the image: left, top, right, bottom, ...; shape (n, 4 or more).
        place: The slice in the image: left, top, right, bottom.
        width: Of the image.
        height: Of the image.

    Returns:
        Shape (n,), bool.
    """
    inner = np.array(place) != [0, 0, width, height]
    is_cut: Array = np.any(inner & (np.abs(rows[:, :4] - place) < CUT_MARGIN), axis=1)
    return is_cut


def _sahi(class_agnostic: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """SAHI's layout of slices and its suppression on arrays, which takes rows of x1, y1, x2, y2, score, category.

    Raises:
        ArgumentError: It is not installed, or too old.
    """
    try:
        from sahi.postprocess.combine import batched_nms, nms
        from sahi.slicing import get_slice_bboxes
    except ImportError as error:
        raise ArgumentError(
            f"sliced prediction needs SAHI 0.12.8 or newer ({error}): pip install 'yolo-fine[sliced]'"
        ) from error
    return get_slice_bboxes, nms if class_agnostic else batched_nms
