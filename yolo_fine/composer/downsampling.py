# SPDX-License-Identifier: AGPL-3.0-or-later
"""``downsample=``: blocks in the places of the convolutions that halve a map, in the backbone and on the way back down.

A level is that of the coarser map: ``SPDConv@p4`` stands where P3 becomes P4, in the backbone and in the bottom-up
path. The stem, which makes P1 of the image, is no place: the authors of SPD-Conv leave it, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from yolo_fine.catalog import find_block
from yolo_fine.composer.anatomy import level_of
from yolo_fine.composer.document import Document, Layer
from yolo_fine.composer.requests import Request
from yolo_fine.errors import ArgumentError
from yolo_fine.integration.dry_run.rows import DryRun

FINEST = 2
STOCK = ("Conv", "DWConv", "GhostConv", "SCDown", "ADown", "AConv")  # their first argument is the number of channels


def replace_downsamplers(
    document: Document, model: dict[str, Any], requests: Sequence[Request], file: str
) -> list[tuple[Layer, int]]:
    """Put blocks of kind downsample in the places of stock ones; their channels stay.

    Args:
        document: The model YAML; changed in place.
        model: The base's dictionary, which names the scale.
        requests: The blocks and their levels.
        file: Name of the YAML, for messages.

    Returns:
        The rows that name the blocks, each with its level.

    Raises:
        ArgumentError: A level has no such place; the message lists those that have.
        ModelYamlError: The model can't be built.
    """
    found = find_downsamplers(document, model) if requests else []
    levels = sorted({level for _, level in found})
    placed: dict[int, tuple[Layer, int]] = {}
    for request in requests:
        wanted = request.levels or levels
        missing = [f"p{level}" for level in wanted if level not in levels]
        if missing or not wanted:
            offered = ", ".join(f"p{level}" for level in levels) or "none"
            asked = f"downsample={request.spec.name}" + f"@{','.join(missing)}" * bool(missing)
            raise ArgumentError(f"{asked}: {file} has no such place; places for {request.spec.name} there: {offered}")
        for row, level in found:
            if level in wanted:
                row.rewrite(request.spec.name, [row.args[0], *request.args])
                placed[id(row)] = (row, level)
    return list(placed.values())


def find_downsamplers(document: Document, model: dict[str, Any]) -> list[tuple[Layer, int]]:
    """The rows that halve a map and whose channels are their first argument, each with the level that it makes."""
    rows = yaml.safe_load(document.render())
    maps = DryRun({**model, "backbone": rows["backbone"], "head": rows["head"]}).outputs()
    strides = {id(row): output.stride for row, output in zip(document.rows, maps, strict=True)}
    found = []
    for row in document.rows:
        stride, before = strides[id(row)], [strides[id(source)] if source else 1 for source in row.sources]
        if len(before) != 1 or not before[0] or stride != 2 * before[0] or level_of(stride) < FINEST:
            continue
        spec = find_block(row.module)
        if row.module in STOCK or (spec is not None and spec.kind == "downsample"):
            found.append((row, level_of(stride)))
    return found
