# SPDX-License-Identifier: AGPL-3.0-or-later
"""``head=p2,p3,p4``: which levels a model detects at. What is missing is added, what nothing reads goes."""

from __future__ import annotations

import re

from yolo_fine.composer.anatomy import Anatomy
from yolo_fine.composer.document import Document, Layer
from yolo_fine.composer.insertion import level_tag
from yolo_fine.composer.requests import read_levels
from yolo_fine.errors import ArgumentError, ModelYamlError
from yolo_fine.integration.parsing.vocabulary import is_read_by_the_model

FINEST, COARSEST = 2, 6
SMALLEST_WIDTH = 16  # as in finer_head: leading numbers of at least this are channels


def read_head(head: str) -> list[int] | None:
    """Read ``p2,p3,p4``; None for ``p2`` alone, which adds stride 4 to the levels of the base.

    Raises:
        ArgumentError: It is no run of levels from p2 to p6.
    """
    levels = read_levels(head)
    is_run = levels == list(range(levels[0], levels[-1] + 1)) and levels[0] >= FINEST and levels[-1] <= COARSEST
    if levels == [FINEST]:
        return None
    if not is_run or len(levels) < 2:
        raise ArgumentError(
            f"head={head} is no run of levels from p{FINEST} to p{COARSEST}: write head=p2,p3,p4 for the levels to "
            "detect at, or head=p2 to add stride 4 to those of the base"
        )
    return levels


def add_coarser_level(document: Document, anatomy: Anatomy, file: str) -> None:
    """Add the level above the coarsest one that Detect reads; the others stay as they are, to the bit.

    Where the top-down path starts above that level, its first map is taken. Else a 3x3 convolution of stride 2 makes
    the new map of the coarsest one, as FCOS makes P6 (arXiv 1904.01355, section 3.2), and a copy of the block that made
    that map stands behind it.

    Args:
        document: The model YAML; changed in place.
        anatomy: Its places; the new output is added to it.
        file: Name of the YAML, for messages.

    Raises:
        ModelYamlError: The width of the coarsest map can't be read off its row.
    """
    level = max(anatomy.outputs) + 1
    step = anatomy.steps.get(level - 1)
    if step is not None and not anatomy.bottom_up:
        anatomy.outputs[level] = step.coarse
        return
    end = anatomy.outputs[level - 1]
    width = end.args[0] if end.args else None
    if type(width) is not int or width < SMALLEST_WIDTH:
        raise ModelYamlError(f"{file}: no level can be added above P{level - 1}: {end.module} names no channels")
    new = [Layer([end], "Conv", [width, 3, 2], before="\n")]
    if len(end.sources) == 1 and end in document.head and end.module != "Conv":
        new.append(Layer([new[0]], end.module, list(end.args), end.repeats, tail=end.tail))
    document.insert_before(anatomy.detect, *new)
    new[0].before, anatomy.detect.before = "\n", "\n"
    anatomy.outputs[level] = new[-1]


def detect_at(document: Document, anatomy: Anatomy, levels: list[int]) -> None:
    """Let the head read these levels, and only these; comments and title follow.

    Args:
        document: The model YAML; changed in place.
        anatomy: Its places; ``outputs`` holds a row for each of the levels.
        levels: Finest first.
    """
    detect = anatomy.detect
    before = [source for source in detect.sources if source is not None]
    after = [anatomy.outputs[level] for level in levels]
    for row in before:
        if row not in after:
            row.comment = re.sub(r"\s*\(P\d/\d+-\w+\)", "", row.comment)
    for level, row in zip(levels, after, strict=True):
        if row not in before and not row.comment.endswith(level_tag(level)):
            number = "{n}" if row.old_index is None else str(row.old_index)
            row.comment = f"{row.comment or number} {level_tag(level)}"
    detect.sources, detect.offsets = list(after), [0] * len(after)
    named = ", ".join(f"P{level}" for level in levels)
    detect.comment = re.sub(r"\(P\d(, P\d)*\)", f"({named})", detect.comment, count=1)
    title = f"P{levels[0]}/{2 ** levels[0]} - P{levels[-1]}/{2 ** levels[-1]}"
    document.prelude = re.sub(r"P\d/\d+ - P\d/\d+", title, document.prelude)
    anatomy.outputs = {level: anatomy.outputs[level] for level in levels}


def unread_rows(document: Document) -> list[Layer]:
    """Rows that no other row reads, but for the last and those that YOLO-World's model reads itself."""
    read = {id(source) for row in document.rows for source in row.sources}
    rows = document.rows[:-1]
    return [row for row in rows if id(row) not in read and not is_read_by_the_model(row.module)]


def prune(document: Document, kept: list[Layer]) -> None:
    """Remove the rows that nothing reads, and what only they read.

    Args:
        document: The model YAML; changed in place.
        kept: Rows that stay all the same: those that nothing read in the base either.
    """
    while unread := [row for row in unread_rows(document) if row not in kept]:
        for row in unread:
            (document.head if row in document.head else document.backbone).remove(row)
