# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can be wrong with the rows of a model YAML: each is checked, whatever is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from yolo_fine.block_spec import BlockSpec
from yolo_fine.errors import BlockArgumentError, ModelYamlError
from yolo_fine.integration.dry_run.limits import MOST_VALUES
from yolo_fine.integration.dry_run.maps import Map
from yolo_fine.integration.dry_run.rows import DryRun
from yolo_fine.integration.parsing.doubts import Doubt, find_doubt, with_doubt
from yolo_fine.integration.parsing.parser import channel_counts, find_our_block, known_names
from yolo_fine.integration.parsing.planned_block import split_width
from yolo_fine.integration.parsing.rows import Row, read_rows
from yolo_fine.integration.parsing.vocabulary import (
    is_head,
    is_in_file_name,
    is_read_by_the_model,
    needed_in_file_name,
    parser_variables,
    stock_layer,
)

Found = tuple[int, str]  # layer, message
USUAL, LARGE = 640, 40  # pixels a side of an image, and cells a side of a map on which all may still attend to all


class RowChecks:
    """Checks the rows of one model at one scale.

    Attributes:
        parameters: Parameters of all layers that could be built, after :meth:`run`.
        notes: What is no problem but may surprise, by layer, after :meth:`run`.
    """

    def __init__(self, model: dict[str, Any]) -> None:
        self.rows = list(read_rows(model))
        self.model = model
        self.dry_run = DryRun(model)
        self.variables = parser_variables() - set(model) | {"backbone", "head", "scale"} & parser_variables()
        self.maps: list[Map | None] = []  # None: not known, and nothing that depends on it is blamed
        self.parameters = 0
        self.notes: dict[int, str] = {}

    def run(self, tell: Callable[[int], None] = lambda layer: None) -> list[Found]:
        """All problems, by layer. ``tell`` is called with each layer's index."""
        found: list[Found] = []
        for row in self.rows:
            tell(row.index)
            problems = list(self._check(row))
            found += [(row.index, message) for message in problems]
        self.parameters = sum(output.parameters for output in self.maps if output)
        return found + list(self._unused()) + list(self._head())

    def _check(self, row: Row) -> Iterator[str]:
        """Problems of one row. Appends what it puts out to ``self.maps``."""
        self.maps.append(None)
        spec = find_our_block(row, self.dry_run.tasks)
        doubt: Doubt | None = None
        try:
            row.check(spec)
            self.dry_run.check_size(row)
            if spec is not None:
                doubt = self._doubt(row, spec)
                spec.check_inputs(len(row.sources))
                spec.bind(split_width(spec, row.raw[3])[1])
            elif stock_layer(row.raw[2]) is None:
                raise row.unknown(known_names(self.dry_run.tasks))
        except BlockArgumentError as error:
            yield str(row.error(with_doubt(error, doubt), spec))
            return
        except ModelYamlError as error:
            yield str(error)
            return
        needed = None if spec else needed_in_file_name(row.raw[2])
        if needed and not is_in_file_name(needed, row.file):
            yield str(row.error(f"{row.raw[2]} works only in models with '{needed}' in their file name"))
        layer = None if spec else stock_layer(row.raw[2])
        if layer is not None and is_head(layer) and row.index < len(self.rows) - 1:
            yield str(row.error(f"{row.raw[2]} is a head, and a head must be the last layer"))
            return
        taken = [] if spec else [value for value in row.raw[3] if isinstance(value, str) and value in self.variables]
        for value in taken:
            yield str(row.error(f"the parser takes the argument '{value}' for its own variable of that name"))
        sources = [self.dry_run.image if index < 0 else self.maps[index] for index in row.absolute_sources]
        if taken or any(source is None for source in sources):
            return
        given = [source for source in sources if source is not None]
        try:
            self.dry_run.check_flags(row, given)
        except ModelYamlError as error:
            yield str(error)
        try:
            output = self.dry_run.run(row, given)
        except ModelYamlError as error:
            yield with_doubt(error, doubt)
            return
        if doubt is not None and doubt.on_purpose:
            self.notes[row.index] = str(row.error(doubt.words))
        elif doubt is not None:
            yield str(row.error(doubt.words))
        yield from self._check_output(row, output, spec)

    def _note_attention(self, row: Row, spec: BlockSpec, output: Map) -> None:
        """Note a block whose attention is larger than that of every cell to every other one of a map of 40 x 40."""
        side = USUAL // (output.stride or USUAL)
        values = spec.attention_values(side * side, spec.bind(split_width(spec, row.raw[3])[1]))
        if values > LARGE**4:
            words = (
                f"grows with the square of the cells: {values:,.0f} values a head on the {side}x{side} cells of a "
                f"{USUAL}x{USUAL} image, more than {LARGE**4:,}; meant for maps up to {LARGE}x{LARGE}, or arguments "
                "that pool more"
            )
            self.notes.setdefault(row.index, str(row.error(words)))

    def _doubt(self, row: Row, spec: BlockSpec) -> Doubt | None:
        """Whether a block's arguments were hardly meant."""
        sources = [self.maps[index] for index in row.absolute_sources if index >= 0]
        channels = [source.channels for source in sources if source is not None and isinstance(source.channels, int)]
        known = len(channels) == len(spec.input_names or row.sources) and spec.out not in ("arg", "picked")
        c2 = spec.output_channels(channels) if known else None
        counts = partial(channel_counts, self.dry_run.stock, self.rows, row.index, self.dry_run.tasks)
        return find_doubt(row, spec, c2, counts)

    def _check_output(self, row: Row, output: Map, spec: BlockSpec | None) -> Iterator[str]:
        """Problems of what a layer puts out; keeps it if later rows can rely on it."""
        if spec is not None:
            self._note_attention(row, spec, output)
        is_last = row.index == len(self.rows) - 1
        real = output.real_channels
        if output.values > MOST_VALUES:
            yield str(row.error(f"its output has {output.values:,} values for an image of 256 x 256 pixels"))
        elif output.gives_maps and output.map_channels != output.channels:
            counted = ", ".join(map(str, output.channels))
            yield str(row.error(f"puts out maps of {output.map_channels} channels, but declares {counted}"))
        elif real is not None and real != output.channels and not is_last:
            yield str(row.error(f"puts out {real} channels, but Ultralytics counts {output.channels} for it"))
        else:
            self.maps[-1] = output

    def _unused(self) -> Iterator[Found]:
        """Rows whose output nobody reads. Not known where a row's sources are not."""
        read: set[int] = set()
        for row in self.rows:
            try:
                row.check()
            except ModelYamlError:
                return
            read |= set(row.absolute_sources)
        for row in self.rows[:-1]:
            if row.index not in read and not is_read_by_the_model(row.raw[2]):
                yield row.index, str(row.error("nobody reads its output"))

    def _head(self) -> Iterator[Found]:
        """Problems of the last row: it must be a head that reads its maps from fine to coarse."""
        row = self.rows[-1]
        layer = stock_layer(row.module) if row.module else None
        if row.module and find_our_block(row, self.dry_run.tasks):
            yield row.index, str(row.error("the last layer must be a head, as Detect; this is a block"))
        elif layer is not None and not is_head(layer):
            yield row.index, str(row.error("the last layer must be a head, as Detect"))
        try:
            row.check()
        except ModelYamlError:
            return
        maps = [self.dry_run.image if index < 0 else self.maps[index] for index in row.absolute_sources]
        strides = [output.stride for output in maps if output is not None and not output.gives_maps]
        if len(strides) == len(maps) and strides != sorted({stride or 0 for stride in strides}):
            listed = ", ".join(map(str, strides))
            yield row.index, str(row.error(f"reads maps of strides {listed}; they must be different, the finest first"))
