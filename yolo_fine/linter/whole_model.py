# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be wrong with a model as a whole: its size, the maps its head reads, the class that its name stands for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yolo_fine.integration.dry_run.torchvision_rows import downloads
from yolo_fine.integration.model_names import with_scale
from yolo_fine.integration.parsing.rows import read_rows
from yolo_fine.integration.parsing.vocabulary import needed_in_file_name
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
