# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes annotations as YOLO and as VisDrone text.

Both come from the same whole-pixel boxes, so they say the same. VisDrone rows are ``x,y,w,h,score,category,truncation,
occlusion``; category 0 is an ignored region (score 0), category c + 1 is class c (score 1). YOLO rows are
``class x_centre y_centre width height``, as shares of the image; ignored regions have no YOLO row.
"""

from __future__ import annotations

import numpy as np

from yolo_fine.smallobjects.rendering import Annotation


def yolo_text(annotations: list[Annotation], size: int) -> str:
    """The YOLO label file of a ``size`` x ``size`` image."""
    lines = []
    for annotation in annotations:
        x1, y1, x2, y2 = (value / size for value in annotation.box)
        lines.append(f"{annotation.label} {(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}\n")
    return "".join(lines)


def visdrone_text(annotations: list[Annotation], regions: np.ndarray) -> str:
    """The VisDrone annotation file; ``regions`` are (n, 4) ignored regions, x1, y1, x2, y2 in pixels."""
    lines = []
    for x1, y1, x2, y2 in regions:
        lines.append(f"{x1},{y1},{x2 - x1},{y2 - y1},0,0,0,0\n")
    for annotation in annotations:
        x1, y1, x2, y2 = annotation.box
        flags = f"{annotation.label + 1},{annotation.truncation},{annotation.occlusion}"
        lines.append(f"{x1},{y1},{x2 - x1},{y2 - y1},1,{flags}\n")
    return "".join(lines)
