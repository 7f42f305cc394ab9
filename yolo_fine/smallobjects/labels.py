# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes annotations as YOLO and as VisDrone text.

Both come from the same whole-pixel boxes, so they say the same. VisDrone rows are ``x,y,w,h,score,category,truncation,
occlusion``; category 0 is an ignored region (score 0), category c + 1 is class c (score 1). YOLO rows are
``class x_centre y_centre width height``, as shares of the image; ignored regions have no YOLO row.
"""

from __future__ import annotations

import numpy as np

from yolo_fine.formats.visdrone_rows import row_text
from yolo_fine.formats.yolo_labels import label_text
from yolo_fine.smallobjects.rendering import Annotation
from yolo_fine.utils.arrays import Array


def yolo_text(annotations: list[Annotation], size: int) -> str:
    """The YOLO label file of a ``size`` x ``size`` image."""
    corners = np.array([annotation.box for annotation in annotations], dtype=np.float64).reshape(-1, 4) / size
    low, high = corners[:, :2], corners[:, 2:]
    shares = np.concatenate([(low + high) / 2, high - low], axis=1)
    return label_text([annotation.label for annotation in annotations], shares)


def visdrone_text(annotations: list[Annotation], regions: Array) -> str:
    """The VisDrone annotation file; ``regions`` are (n, 4) ignored regions, x1, y1, x2, y2 in pixels."""
    rows = [(x1, y1, x2 - x1, y2 - y1, 0, 0, 0, 0) for x1, y1, x2, y2 in regions]
    for annotation in annotations:
        x1, y1, x2, y2 = annotation.box
        flags = (annotation.label + 1, annotation.truncation, annotation.occlusion)
        rows.append((x1, y1, x2 - x1, y2 - y1, 1, *flags))
    return row_text(rows)
