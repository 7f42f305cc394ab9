# SPDX-License-Identifier: AGPL-3.0-or-later
"""``head=p2``: one more level at the fine end of a neck, made of copies of the steps next to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from yolo_fine.composer.anatomy import Anatomy
from yolo_fine.composer.document import Document, Layer
from yolo_fine.composer.insertion import level_tag
from yolo_fine.errors import ModelYamlError

SMALLEST_WIDTH = 16  # leading numbers of at least this are channels; below, kernel sizes and the like


@dataclass(frozen=True)
class Finer:
    """How a finer level is added.

    Attributes:
        keep_width: Let the new top-down step be as wide as the last, also where levels differ.
        lean: Let the new level's block be as lean as the backbone's own at that level, where both are of one kind:
            YOLO11's and YOLO26's C3k2 have half the hidden channels there.
        aside: Add no bottom-up step: the other levels do not read the new one and stay as they are, to the bit.
    """

    keep_width: bool = False
    lean: bool = False
    aside: bool = False


def add_finer_level(document: Document, anatomy: Anatomy, how: Finer, file: str) -> None:
    """Add the level below the finest one that Detect reads: a top-down step, and a bottom-up step where there are any.

    The new level has half the channels if levels differ that way in the model. For YOLOv8, YOLOv8-ghost and YOLO26 this
    gives the very rows of the -p2 YAMLs that Ultralytics ships.

    Args:
        document: The model YAML; changed in place.
        anatomy: Its places. They do not hold any more afterwards.
        how: Width, block, and whether the other levels read the new one.
        file: Name of the YAML, for messages.

    Raises:
        ModelYamlError: The backbone has no map of that level, or the finest map of Detect ends no top-down path.
    """
    level = min(anatomy.outputs)
    if level not in anatomy.steps or level - 1 not in anatomy.backbone:
        raise ModelYamlError(f"{file}: no level can be added below P{level}: it does not end a top-down path")
    step, end = anatomy.steps[level], anatomy.outputs[level]

    entry = _entry(document, anatomy, level)
    down = _Copies(anatomy.narrows and not how.keep_width)
    for row in _ancestors_below(document, entry, end):
        down.add(row, {id(entry): end, **{id(row): anatomy.backbone[level - 1] for row in document.backbone}})
    new, finest = list(down.copies.values()), down.copies[id(end)]
    finest.comment = f"{{n}} {level_tag(level - 1)}"
    stage = anatomy.backbone[level - 1]
    if how.lean and stage.module == finest.module and finest.args:
        finest.args, finest.repeats, finest.tail = [finest.args[0], *stage.args[1:]], stage.repeats, None

    if anatomy.bottom_up and not how.aside:
        above = anatomy.outputs[level + 1]
        up = _Copies(anatomy.narrows)
        for row in _ancestors_below(document, end, above):
            up.add(row, {id(end): finest, id(step.coarse): down.copies.get(id(step.coarse), end)})
        up.copies[id(above)].comment = f"{{n}} {level_tag(level)}"
        end.comment = end.comment.replace(level_tag(level), "").strip()
        document.redirect(end, up.copies[id(above)])
        new += up.copies.values()

    document.insert_after(end, *new)
    new[0].before = "\n"
    detect = anatomy.detect
    detect.sources, detect.offsets = [finest, *detect.sources], [0, *detect.offsets]
    detect.comment = re.sub(r"\(P(\d)(?=,|\))", rf"(P{level - 1}, P\1", detect.comment, count=1)
    document.prelude = document.prelude.replace(f"P{level}/{2**level} -", f"P{level - 1}/{2 ** (level - 1)} -")


class _Copies:
    """Copies of rows, each reading the copies of what its original reads.

    Attributes:
        copies: The copy of a row by ``id(row)``, in order.
    """

    def __init__(self, halve: bool) -> None:
        self.halve = halve
        self.copies: dict[int, Layer] = {}

    def add(self, row: Layer, instead: dict[int, Layer]) -> None:
        """Copy a row; ``instead`` gives what it reads in place of rows that are not copied."""
        sources = [self.copies.get(id(source)) or instead.get(id(source), source) for source in row.sources]
        args = halved(row.args) if self.halve else row.args
        tail = row.tail if args == row.args else None
        comment = re.sub(r"P(\d)", lambda match: f"P{int(match.group(1)) - 1}", row.comment)
        self.copies[id(row)] = Layer(
            sources,
            row.module,
            list(args),
            row.repeats,
            row.is_list,
            tail=tail,
            before="\n" if row.before.isspace() else "",
            comment=comment if comment.startswith("cat ") else "",
        )


def halved(args: list[object]) -> list[object]:
    """Arguments with the channel numbers in front halved: ``[256, True]`` -> ``[128, True]``."""
    result = list(args)
    for index, value in enumerate(args):
        if type(value) is not int or value < SMALLEST_WIDTH:
            break
        result[index] = value // 2
    return result


def _entry(document: Document, anatomy: Anatomy, level: int) -> Layer:
    """The row of the coarser level that the level's top-down step begins behind.

    Some families (YOLOv3, v5, v6, RT-DETR) begin a step with a 1x1 convolution of the coarser map.
    """
    coarse = anatomy.steps[level].coarse
    source = coarse.sources[0]
    is_projection = coarse.module == "Conv" and coarse.args[1:2] == [1] and coarse in document.head
    return source if is_projection and source is not None else coarse


def _ancestors_below(document: Document, upper: Layer, end: Layer) -> list[Layer]:
    """``end`` and the head's rows below ``upper`` that it descends from, in order."""
    wanted = {id(end)}
    rows = document.rows
    for row in reversed(rows[rows.index(upper) + 1 :]):
        if id(row) in wanted:
            wanted |= {id(source) for source in row.sources}
    return [row for row in rows[rows.index(upper) + 1 :] if id(row) in wanted and row in document.head]
