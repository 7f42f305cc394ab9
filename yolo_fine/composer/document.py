# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model YAML as text that can be cut into: rows that know their sources, and everything around them as it was."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from yolo_fine.errors import ModelYamlError


@dataclass(eq=False)
class Layer:
    """One row ``[from, repeats, module, args]`` whose sources are rows, not numbers.

    Attributes:
        sources: The rows that it reads; None is the image.
        module: Name of the module.
        args: Its arguments.
        repeats: Its repeats.
        is_list: Whether ``from`` is written as a list.
        offsets: ``from`` as written, for rows of the original file.
        tail: ``repeats, module, args`` as written, or None to write them from the values.
        before: Blank and comment lines above the row.
        comment: The comment behind the row, without ``#``; in a new row ``{n}`` stands for its number.
        old_index: The row's number in the original file, or None for a new row.
    """

    sources: list[Layer | None]
    module: str
    args: list[Any]
    repeats: int = 1
    is_list: bool = False
    offsets: list[int] = field(default_factory=list)
    tail: str | None = None
    before: str = ""
    comment: str = ""
    old_index: int | None = None

    def rewrite(self, module: str, args: list[Any]) -> None:
        """Put another module in this row's place."""
        self.module, self.args, self.repeats, self.tail = module, args, 1, None


@dataclass
class Document:
    """A model YAML: text, backbone rows, text, head rows, text.

    Attributes:
        prelude: Everything above the first backbone row.
        backbone: Rows of the backbone.
        between: Everything from behind the backbone to the first head row.
        head: Rows of the head.
        epilogue: What follows the last row.
    """

    prelude: str
    backbone: list[Layer]
    between: str
    head: list[Layer]
    epilogue: str

    @property
    def rows(self) -> list[Layer]:
        """All rows, in order."""
        return [*self.backbone, *self.head]

    def insert_before(self, place: Layer, *new: Layer) -> None:
        """Insert rows into the head above ``place``, below the blank line that sets its group off."""
        new[0].before, place.before = place.before, new[0].before
        index = self.head.index(place)
        self.head[index:index] = new

    def insert_after(self, place: Layer, *new: Layer) -> None:
        """Insert rows below ``place``; below a backbone row, at the top of the head."""
        index = self.head.index(place) + 1 if place in self.head else 0
        self.head[index:index] = new

    def readers(self, layer: Layer) -> list[Layer]:
        """The rows that read ``layer``."""
        return [row for row in self.rows if layer in row.sources]

    def redirect(self, old: Layer, new: Layer, readers: Iterable[Layer] | None = None) -> None:
        """Let the rows that read ``old`` (or some of them) read ``new`` instead."""
        for row in self.readers(old) if readers is None else readers:
            if row is not new:
                row.sources = [new if source is old else source for source in row.sources]

    def render(self) -> str:
        """The YAML as text, with every ``from`` and every number in a comment brought up to date."""
        numbers = {id(row): number for number, row in enumerate(self.rows)}
        backbone = "".join(_text(row, numbers) for row in self.backbone)
        head = "".join(_text(row, numbers) for row in self.head)
        return self.prelude + backbone + self.between + head + self.epilogue


def read_document(text: str, file: str) -> Document:
    """Cut a model YAML into its rows.

    Raises:
        ModelYamlError: It is no YAML, has no backbone or head, or a row is malformed.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ModelYamlError(f"{file} is not readable YAML: {error}") from error
    keys = {key.value: value for key, value in root.value} if isinstance(root, yaml.MappingNode) else {}
    rows: list[Layer] = []
    gaps: list[str] = []
    end = 0
    for section in ("backbone", "head"):
        nodes = keys.get(section)
        if not isinstance(nodes, yaml.SequenceNode) or not nodes.value:
            raise ModelYamlError(f"{file}: '{section}' must be a list of rows [from, repeats, module, args]")
        for position, node in enumerate(nodes.value):
            dash = text.rindex("-", 0, node.start_mark.index)
            start = text.rfind("\n", 0, dash) + 1
            row = _read_row(node, text, rows, f"{file}: layer {len(rows)} ({section}[{position}])")
            if position:
                row.before = text[end:start]
            else:
                gaps.append(text[end:start])
            rows.append(row)
            end = _line_end(node, text)
    split = len(keys["backbone"].value)
    return Document(gaps[0], rows[:split], gaps[1], rows[split:], text[end:])


def flow(value: Any) -> str:
    """A value as stock YAMLs write it: ``[256, True, {gain: 0.0}]``."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str) and not re.fullmatch(r"[\w.]+", value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def _read_row(node: yaml.Node, text: str, above: list[Layer], where: str) -> Layer:
    raw = yaml.safe_load(yaml.serialize(node, Dumper=yaml.SafeDumper))
    if not (isinstance(raw, list) and len(raw) == 4 and isinstance(raw[2], str) and isinstance(raw[3], list)):
        raise ModelYamlError(f"{where} {raw}: a row has four entries: [from, repeats, module, args]")
    offsets = raw[0] if isinstance(raw[0], list) else [raw[0]]
    sources: list[Layer | None] = []
    for offset in offsets:
        place = offset + len(above) if isinstance(offset, int) and offset < 0 else offset
        if not above and offset == -1:
            sources.append(None)
        elif type(place) is int and 0 <= place < len(above):
            sources.append(above[place])
        else:
            raise ModelYamlError(f"{where} {raw}: 'from' must name layers above it by number, got {offset!r}")
    end = _end(node)
    written = text[node.value[1].start_mark.index : node.value[3].end_mark.index]
    return Layer(
        sources=sources,
        module=raw[2],
        args=raw[3],
        repeats=raw[1],
        is_list=isinstance(raw[0], list),
        offsets=offsets,
        tail=written if node.flow_style and "\n" not in written else None,  # type: ignore[attr-defined]
        comment=text[end : _line_end(node, text)].partition("#")[2].strip(),
        old_index=len(above),
    )


def _end(node: yaml.Node) -> int:
    """Where a node's text ends: the mark of a block sequence lies behind the blank lines and comments below it."""
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return int(node.end_mark.index)


def _line_end(node: yaml.Node, text: str) -> int:
    """Where the line that a node ends in is over: behind its line break, or at the end of the text."""
    newline = text.find("\n", _end(node))
    return len(text) if newline < 0 else newline + 1


def _text(row: Layer, numbers: dict[int, int]) -> str:
    """The row's line, with what stands above it."""
    number = numbers[id(row)]
    shown = []
    for position, source in enumerate(row.sources):
        place = -1 if source is None else numbers[id(source)]
        written = row.offsets[position] if position < len(row.offsets) else -1
        relative = written < 0 and place in (number + written, number - 1)
        shown.append(place - number if relative else place)
    source_text = flow(shown) if row.is_list else str(shown[0])
    tail = row.tail or f"{row.repeats}, {row.module}, {flow(row.args)}"
    comment = _renumbered(row.comment, row.old_index, number)
    return f"{row.before}  - [{source_text}, {tail}]" + (f" # {comment}" if comment else "") + "\n"


def _renumbered(comment: str, old: int | None, new: int) -> str:
    """A comment with the row's own number brought up to date: ``16 (P3/8-small)``, ``0-P1/2``, ``X3 (21)``."""
    if old is None:
        return comment.replace("{n}", str(new))
    return re.sub(rf"^{old}\b|(?<=\(){old}(?=\))", str(new), comment)
