# SPDX-License-Identifier: AGPL-3.0-or-later
"""A block row on its way to a module: checked, sized, lowered to a stock placeholder, built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yolo_fine.block_spec import BlockSpec
from yolo_fine.errors import BlockArgumentError, YoloFineError
from yolo_fine.integration.parsing.doubts import Doubt, find_doubt, with_doubt
from yolo_fine.integration.parsing.probe import StockParser
from yolo_fine.integration.parsing.rows import Row

PLACEHOLDER = "ResNetLayer"


@dataclass(frozen=True)
class PlannedBlock:
    """A block row that has been checked and sized.

    Attributes:
        row: The row as written.
        spec: The block it names.
        channels: Channels of each input.
        outputs: Channels of each output; one but for blocks that put out several maps.
        kwargs: Checked arguments of the constructor.
        repeats: Repeats after depth scaling.
        doubt: Why its arguments were hardly meant, if that is so.
    """

    row: Row
    spec: BlockSpec
    channels: list[int]
    outputs: list[int]
    kwargs: dict[str, Any]
    repeats: int
    doubt: Doubt | None = None

    @property
    def c2(self) -> int:
        """Channels of the output, or of the first of several."""
        return self.outputs[0]

    @property
    def type_path(self) -> str:
        """Import path of the block's class, as the model table shows it."""
        return f"{self.spec.cls.__module__}.{self.spec.cls.__qualname__}"

    @property
    def placeholder(self) -> list[Any]:
        """A stock row with the same sources and output channels: ``ResNetLayer(c1=1, c2, s=1, is_first=True, n=1)``."""
        source = self.row.raw[0]
        if self.spec.reads_one_row and isinstance(source, (list, tuple)):
            source = source[0]  # it is called with what that row puts out, not with a list of one
        return [source, 1, PLACEHOLDER, [1, self.c2, 1, True, 1]]

    def build(self) -> Any:
        """Construct the module, with repeats stacked or handed over.

        Raises:
            ModelYamlError: The block refuses its channels or the value of an argument.
        """
        from torch import nn

        try:
            if self.spec.takes_repeats:
                return self.spec.build(self.channels, self.c2, {**self.kwargs, "repeats": self.repeats})
            blocks = [self.spec.build(self.channels, self.c2, self.kwargs) for _ in range(self.repeats)]
            return blocks[0] if len(blocks) == 1 else nn.Sequential(*blocks)
        except (YoloFineError, ValueError, TypeError) as error:
            channels = self.channels[0] if len(self.channels) == 1 else self.channels
            raise self.row.error(with_doubt(f"{error} (input channels {channels})", self.doubt), self.spec) from error

    def table_line(self, module: Any, shown_from: Any) -> str:
        """The block's line in the model table that Ultralytics prints."""
        parameters = sum(parameter.numel() for parameter in module.parameters())
        shown = [*self.channels, *([self.c2] if self.spec.out == "arg" else []), *self.kwargs.values()]
        return (
            f"{self.row.index:>3}{shown_from!s:>20}{self.repeats:>3}{parameters:10.0f}  "
            f"{self.type_path:<45}{shown!s:<30}"
        )


def plan_block(
    stock: StockParser,
    row: Row,
    spec: BlockSpec,
    rows_above: Sequence[Any],
    counts: Callable[[], set[int]] | None = None,
    *,
    several: Mapping[int, list[int]] | None = None,
) -> PlannedBlock:
    """Check one block row, and find its channels and repeats.

    Args:
        stock: The parser to ask.
        row: The row.
        spec: The block that it names.
        rows_above: Lowered rows.
        counts: Channels of the row's inputs and output at every scale. Without it, arguments are not doubted.
        several: Channels of the outputs of rows above that put out several maps.

    Raises:
        ModelYamlError: Wrong number of inputs or arguments, a wrong type or value, repeats that can't be, or one map
            where several are picked from.
    """
    repeats = row.raw[1]
    try:
        spec.check_inputs(len(row.sources))
        width, args = split_width(spec, row.raw[3])
        kwargs = spec.bind(args)
    except BlockArgumentError as error:
        doubt = find_doubt(row, spec, None, counts) if counts else None
        raise row.error(with_doubt(error, doubt), spec) from error
    if repeats > 1 and not (spec.stackable or spec.takes_repeats):
        raise row.error(f"{spec.name} can't be repeated (its output does not fit its input); repeats must be 1", spec)
    found = stock.probe(rows_above, row.absolute_sources, width, repeats)
    channels: list[Any] = [
        (several or {}).get(i, count) for i, count in zip(row.absolute_sources, found.channels, strict=True)
    ]
    if spec.inputs == "maps":
        (channels,) = channels
        if not isinstance(channels, list):
            raise row.error(f"{spec.name} takes one of several maps; the layer that it reads puts out one", spec)
    try:
        c2 = spec.output_channels(channels, found.scaled_width, kwargs)
    except BlockArgumentError as error:
        raise row.error(error, spec) from error
    outputs = spec.output_list(channels, c2, kwargs) if spec.gives_maps else [c2]
    doubt = find_doubt(row, spec, c2, counts) if counts else None
    return PlannedBlock(row, spec, channels, outputs, kwargs, found.repeats, doubt)


def check_maps(row: Row, spec: BlockSpec | None, several: Mapping[int, int]) -> None:
    """Raise :class:`ModelYamlError` where a row reads a list of maps as if it were one.

    Args:
        row: The row.
        spec: The block that it names, if any.
        several: How many maps the blocks above put out that put out several, by layer.
    """
    if (spec is not None and spec.inputs == "maps") or row.raw[2] == "Index":  # Ultralytics' own picker
        return
    for source in row.absolute_sources:
        if source in several:
            pick = f"[{source}, 1, Pick, [0]]"
            raise row.error(f"layer {source} puts out {several[source]} maps; let a row take one of them, as {pick}")


def split_width(spec: BlockSpec, args: Sequence[Any]) -> tuple[int | None, list[Any]]:
    """Take the output channels off the arguments of an ``out="arg"`` block.

    Raises:
        BlockArgumentError: They are missing or not a positive whole number.
    """
    if spec.out != "arg":
        return None, list(args)
    width = args[0] if args else None
    if not isinstance(width, int) or isinstance(width, bool) or width < 1:
        raise BlockArgumentError(f"{spec.name} needs its output channels as first argument, got {width!r}")
    return width, list(args[1:])
