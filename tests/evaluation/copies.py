# SPDX-License-Identifier: AGPL-3.0-or-later
"""Images drawn with replacement, as data in which every copy is an image of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from yolo_fine.formats.objects import Detections, GroundTruth


def copies(truth: GroundTruth, detections: Detections, draw: np.ndarray) -> tuple[GroundTruth, Detections]:
    """The images of a draw, in its order, under new names."""
    found = []
    for columns, names in (
        (truth, ("boxes", "category", "area", "crowd")),
        (detections, ("boxes", "category", "score")),
    ):
        rows = [np.flatnonzero(columns.image == image) for image in draw]
        chosen = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
        changes = {name: getattr(columns, name)[chosen] for name in names}
        changes["image"] = np.repeat(np.arange(len(draw)), [len(some) for some in rows])
        found.append(replace(columns, **changes))
    names = tuple(f"copy{index}" for index in range(len(draw)))
    return replace(found[0], names=names, sizes=truth.sizes[draw]), found[1]
