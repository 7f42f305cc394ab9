# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be wrong with a model as a whole: its size, the maps its head reads, the class that its name stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from yolo_fine.integration.dry_run.maps import Map
from yolo_fine.integration.dry_run.torchvision_rows import downloads
from yolo_fine.integration.max_stride import KEY, LARGEST
from yolo_fine.integration.model_names import with_scale
from yolo_fine.integration.parsing.rows import read_rows
from yolo_fine.integration.parsing.vocabulary import has_strides_of_its_maps, needed_in_file_name
from yolo_fine.linter.rows import Found, RowChecks

MOST_PARAMETERS = 1_000_000_000
MOST_VALUES = 500_000_000  # of all maps together, for one image of 256 x 256


def check_sizes(checks: RowChecks) -> Iterator[Found | tuple[None, str]]:
    """Problems of size, with their layer or None. ``checks`` have run."""
    last = checks.rows[-1]
    file = last.file
    if checks.parameters > MOST_PARAMETERS:
        yield None, f"{file}: {checks.parameters:,} parameters are more than {MOST_PARAMETERS:,}"
    values = sum(output.values for output in checks.maps if output)
    if values > MOST_VALUES:
        yield None, f"{file}: all maps together have {values:,} values for one image of 256 x 256 pixels"
    if checks.maps[-1] is None or last.is_single:
        return
    for source in last.absolute_sources:
        output = checks.dry_run.image if source < 0 else checks.maps[source]
        if output is not None and output.real_channels and not output.has_whole_stride:
            height, width = output.shape[2:]
            message = f"reads {height}x{width} cells of layer {source}; an image of 256x256 has no such stride"
            yield last.index, str(last.error(message))


def note_left_out_stride(checks: RowChecks) -> Iterator[Found]:
    """A note where Detect leaves out the backbone's coarsest map, and the YAML does not say that map's stride.

    ``checks`` have run.
    """
    head = checks.rows[-1]
    if checks.maps[-1] is None or not has_strides_of_its_maps(str(head.module)):
        return
    coarsest = _largest_stride(checks.maps[row.index] for row in checks.rows if row.section == "backbone")
    read = _largest_stride(checks.maps[source] for source in head.absolute_sources if source >= 0)
    if max(read, checks.model.get(KEY) or 0) < coarsest:
        words = (
            f"reads no map of stride {coarsest}, the backbone's coarsest: without '{KEY}: {coarsest}' above the rows, "
            f"Ultralytics takes sides that are no multiples of {coarsest} for possible in exports and augment=True"
        )
        yield head.index, str(head.error(words))


def _largest_stride(maps: Iterable[Map | None]) -> int:
    """The largest stride of the maps that are known, 0 if none is. More than :data:`LARGEST` is a pooled vector."""
    strides = [output.stride for output in maps if output and output.has_whole_stride]
    return max((stride for stride in strides if stride and stride <= LARGEST), default=0)


def check_build(model: dict[str, Any], scale: str) -> Iterator[str]:
    """The reason why Ultralytics can't build a model whose rows are all in order, if there is one.

    A model whose layers have all been called can be built. Others are built as a whole, on the meta device.
    """
    rows = list(read_rows(model))
    called = not any(needed_in_file_name(str(row.module)) for row in rows)
    if called or any(downloads(row.module, row.raw[3]) for row in rows):
        return
    from yolo_fine.integration.dry_run.whole_model import why_not_built

    name = rows[0].file
    why = why_not_built(name if model["scale"] else with_scale(name, scale))
    if why:
        yield f"{name}: the rows are in order, but Ultralytics can't build the model: {why}"
