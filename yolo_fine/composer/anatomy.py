# SPDX-License-Identifier: AGPL-3.0-or-later
"""The shape that every YOLO neck shares, found by what the rows do to the size of their maps.

Levels are named as in the literature: P3 is the map of stride 8, P4 of stride 16. A row is an upsampler because its map
is twice as large as the one it reads, whatever its module is called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yolo_fine.composer.document import Document, Layer
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.dry_run.maps import Map


@dataclass(eq=False)
class Step:
    """One step of the top-down path: a coarse map is upsampled and fused with a finer, lateral one.

    Attributes:
        level: Level that the step produces: 3 for P3.
        coarse: The row that the upsampler reads.
        upsampler: The row that doubles the size.
        fusion: The row that brings both maps together.
        lateral: The finer map, as the fusion reads it.
    """

    level: int
    coarse: Layer
    upsampler: Layer
    fusion: Layer
    lateral: Layer


@dataclass(eq=False)
class Anatomy:
    """Named places of a detection model.

    Attributes:
        detect: The last row, which reads the maps that objects are detected on.
        outputs: Those maps by level.
        steps: Steps of the top-down path by level.
        bottom_up: Fusions of the bottom-up path by level; empty where Detect reads the top-down maps.
        backbone: The last backbone map of each level.
        narrows: Whether finer maps have fewer channels.
    """

    detect: Layer
    outputs: dict[int, Layer]
    steps: dict[int, Step]
    bottom_up: dict[int, Layer]
    backbone: dict[int, Layer]
    narrows: bool

    @property
    def coarsest(self) -> int:
        """Level of the map that the top-down path starts from; of the backbone's last map where there is none."""
        return max(self.steps) + 1 if self.steps else max(self.backbone)


def find_anatomy(document: Document, maps: Sequence[Map], file: str, needs_neck: bool = True) -> Anatomy:
    """Find backbone, top-down path, bottom-up path and detection head.

    Args:
        document: The model YAML.
        maps: What each of its rows puts out.
        file: Name of the YAML, for messages.
        needs_neck: Refuse a model without a top-down path.

    Raises:
        ModelYamlError: The last row is no head over several maps, or there is no top-down path.
    """
    strides = {id(row): output.stride for row, output in zip(document.rows, maps, strict=True)}
    widths = {id(row): output.real_channels or 0 for row, output in zip(document.rows, maps, strict=True)}
    detect = document.rows[-1]
    outputs = {level_of(strides[id(row)]): row for row in detect.sources if row is not None and strides[id(row)]}
    steps: dict[int, Step] = {}
    bottom_up: dict[int, Layer] = {}
    for row in document.head[:-1]:
        stride = strides[id(row)]
        sources = [source for source in row.sources if source is not None and strides[id(source)] == stride]
        if stride is None or len(sources) < 2:
            continue
        for source in sources:
            resizer = resizer_of(source, strides)
            if resizer is None or resizer not in document.head or resizer.sources[0] is None:
                continue
            origin = resizer.sources[0]
            if (strides[id(origin)] or 0) > stride:
                lateral = next(other for other in sources if other is not source)
                steps[level_of(stride)] = Step(level_of(stride), origin, resizer, row, lateral)
            else:
                bottom_up[level_of(stride)] = row
    if (needs_neck and not steps) or len(outputs) < 2:
        raise ModelYamlError(
            f"{file}: no top-down path (an upsampled map fused with a finer one) under a head that reads several maps; "
            f"its last row is {detect.module}"
        )
    backbone = {level_of(strides[id(row)]): row for row in document.backbone if strides[id(row)]}
    finest, above = sorted(outputs)[:2]
    narrows = widths[id(outputs[finest])] < widths[id(outputs[above])]
    return Anatomy(detect, dict(sorted(outputs.items())), steps, bottom_up, backbone, narrows)


def resizer_of(row: Layer, strides: Mapping[int, int | None]) -> Layer | None:
    """The row that gave ``row``'s map its size: itself or one above it, through rows that keep the size.

    Returns:
        A row with one source whose stride is twice or half its own, or None if ``row``'s map was never resized on its
        way from the last fusion.
    """
    while len(row.sources) == 1 and row.sources[0] is not None:
        source = row.sources[0]
        if strides[id(source)] != strides[id(row)]:
            return row if strides[id(source)] and strides[id(row)] else None
        row = source
    return None


def level_of(stride: int | None) -> int:
    """Level of a stride: 3 for 8."""
    return int(math.log2(stride or 1))
