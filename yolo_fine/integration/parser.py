# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows that name our blocks, in any model YAML that stock Ultralytics parses.

The stock parser can size neither a layer that it does not know nor one with several inputs. So our rows are *lowered*:

1. every row is checked, and each block's channels are found with probe rows that the stock parser reads (:mod:`.probe`);
2. each block row becomes a stock placeholder row with the right output channels (a ``ResNetLayer`` stem, the one stock
   layer that takes any ``from`` and an unscaled number of channels);
3. the stock parser builds the model once, and our modules take the placeholders' places.

YAMLs that name no block of ours go straight to the stock parser.
"""

from __future__ import annotations

import copy
import functools
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from yolo_fine.errors import YoloFineError
from yolo_fine.integration.probe import activation_of, log_filter, probe
from yolo_fine.integration.rows import Row, read_rows
from yolo_fine.integration.upstream import require
from yolo_fine.registry import BlockSpec, find_block, list_blocks

PLACEHOLDER = "ResNetLayer"


@dataclass(frozen=True)
class PlannedBlock:
    """A block row that has been checked and sized.

    Attributes:
        row: The row as written.
        spec: The block it names.
        channels: Channels of each input, and ``c2`` of the output.
        kwargs: Checked arguments of the constructor.
        repeats: Repeats after depth scaling.
    """

    row: Row
    spec: BlockSpec
    channels: list[int]
    c2: int
    kwargs: dict[str, Any]
    repeats: int

    @property
    def placeholder(self) -> list[Any]:
        """A stock row with the same sources and output channels: ``ResNetLayer(c1=1, c2, s=1, is_first=True, n=1)``."""
        source = self.row.raw[0]
        if self.spec.inputs == 1 and isinstance(source, (list, tuple)):
            source = source[0]  # a single-input block is called with a map, not with a list of one
        return [source, 1, PLACEHOLDER, [1, self.c2, 1, True, 1]]

    def build(self) -> Any:
        """Construct the module, with repeats stacked or handed over."""
        from torch import nn

        try:
            if self.spec.takes_repeats:
                return self.spec.build(self.channels, self.c2, {**self.kwargs, "repeats": self.repeats})
            blocks = [self.spec.build(self.channels, self.c2, self.kwargs) for _ in range(self.repeats)]
            return blocks[0] if len(blocks) == 1 else nn.Sequential(*blocks)
        except (YoloFineError, ValueError, TypeError) as error:
            channels = self.channels[0] if len(self.channels) == 1 else self.channels
            raise self.row.error(f"{error} (input channels {channels})", self.spec) from error

    def table_line(self, module: Any, shown_from: Any) -> str:
        """The block's line in the model table that Ultralytics prints."""
        parameters = sum(parameter.numel() for parameter in module.parameters())
        shown = [*self.channels, *([self.c2] if self.spec.out == "arg" else []), *self.kwargs.values()]
        return (
            f"{self.row.index:>3}{shown_from!s:>20}{self.repeats:>3}{parameters:10.0f}  "
            f"{type_path(self.spec):<45}{shown!s:<30}"
        )


def wrap_parse_model(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``tasks.parse_model``: stock, plus rows that name registered blocks."""

    @functools.wraps(stock)
    def parse_model(d: dict[str, Any], ch: int, verbose: bool = True) -> Any:
        rows = list(read_rows(d))
        tasks = sys.modules[stock.__module__]
        if any(find_our_block(row.raw, tasks) for row in rows):
            return parse_with_blocks(stock, d, ch, verbose, rows, tasks)
        try:
            return stock(d, ch, verbose)
        except KeyError as error:
            row = next((row for row in rows if error.args and _module_name(row.raw) == error.args[0]), None)
            if row is None or hasattr(tasks, str(error.args[0])):
                raise
            raise row.unknown(known_names(tasks)) from error

    return parse_model


def parse_with_blocks(
    stock: Callable[..., Any], d: dict[str, Any], ch: int, verbose: bool, rows: Sequence[Row], tasks: ModuleType
) -> Any:
    """Build a model whose rows name blocks: plan, lower, let stock build, swap the blocks in.

    Returns:
        What the stock parser returns: ``(nn.Sequential, savelist)``.

    Raises:
        ModelYamlError: A row can't be built; the message names file, row, reason and signature.
        UpstreamError: The stock parser did not build what the placeholders ask for.
    """
    planned: dict[int, PlannedBlock] = {}
    lowered: list[Any] = []
    for row in rows:
        row.check()
        spec = find_our_block(row.raw, tasks)
        if spec is None:
            if not is_stock_name(row.raw[2], tasks):
                raise row.unknown(known_names(tasks))
            lowered.append(row.raw)
            continue
        plan = plan_block(stock, d, ch, row, spec, lowered)
        planned[row.index] = plan
        lowered.append(plan.placeholder)

    modules = build_blocks(stock, d, planned)
    split = len(d.get("backbone") or [])
    lowered_model = {**d, "backbone": copy.deepcopy(lowered[:split]), "head": copy.deepcopy(lowered[split:])}
    with log_filter(table_lines(planned, modules)):
        layers, save = stock(lowered_model, ch, verbose)
    for index, module in modules.items():
        placeholder = layers[index]
        require(type(placeholder).__name__ == PLACEHOLDER, f"a {PLACEHOLDER} row builds a {PLACEHOLDER}")
        module.i, module.f, module.type = index, placeholder.f, type_path(planned[index].spec)
        module.np = sum(parameter.numel() for parameter in module.parameters())
        layers[index] = module
    return layers, save


def plan_block(
    stock: Callable[..., Any], d: dict[str, Any], ch: int, row: Row, spec: BlockSpec, rows_above: Sequence[Any]
) -> PlannedBlock:
    """Check one block row and find its channels and repeats."""
    repeats = row.raw[1]
    try:
        spec.check_inputs(len(row.sources))
        args = list(row.raw[3])
        width = None
        if spec.out == "arg":
            width = args.pop(0) if args else None
            if not isinstance(width, int) or isinstance(width, bool) or width < 1:
                raise row.error(f"{spec.name} needs its output channels as first argument, got {width!r}", spec)
        kwargs = spec.bind(args)
    except YoloFineError as error:
        if str(error).startswith(row.where):
            raise
        raise row.error(error, spec) from error
    if repeats > 1 and not (spec.stackable or spec.takes_repeats):
        raise row.error(f"{spec.name} can't be repeated (its output does not fit its input); repeats must be 1", spec)
    found = probe(stock, d, rows_above, ch, row.absolute_sources, width, repeats)
    c2 = spec.output_channels(found.channels, found.scaled_width)
    return PlannedBlock(row, spec, found.channels, c2, kwargs, found.repeats)


def build_blocks(stock: Callable[..., Any], d: dict[str, Any], planned: dict[int, PlannedBlock]) -> dict[int, Any]:
    """Construct every planned block, with the activation that the YAML asks for in their Conv layers."""
    from ultralytics.nn.modules import Conv

    default_act = Conv.default_act
    if d.get("activation"):
        Conv.default_act = activation_of(stock, d)
    try:
        return {index: plan.build() for index, plan in planned.items()}
    finally:
        Conv.default_act = default_act


def table_lines(planned: dict[int, PlannedBlock], modules: dict[int, Any]) -> Callable[[logging.LogRecord], bool]:
    """A log filter that shows a block's own line where the stock parser prints its placeholder's."""
    thread = threading.get_ident()

    def rewrite(record: logging.LogRecord) -> bool:
        text = str(record.msg)
        if record.thread == thread and PLACEHOLDER in text and text[:3].strip().isdigit():
            index = int(text[:3])
            if index in planned:
                record.msg = planned[index].table_line(modules[index], text[3:23].strip())
        return True

    return rewrite


def find_our_block(raw_row: Any, tasks: ModuleType) -> BlockSpec | None:
    """The registered block that a row names. Where Ultralytics resolves that name too, stock stays stock."""
    name = _module_name(raw_row)
    spec = None if name is None else find_block(name)
    if spec is not None and is_stock_name(spec.name, tasks):
        warnings.warn(f"yolo_fine: '{name}' is Ultralytics' own layer here, not {type_path(spec)}", stacklevel=2)
        return None
    return spec


def is_stock_name(name: str, tasks: ModuleType) -> bool:
    """Whether the stock parser resolves this module name."""
    return name.startswith(("nn.", "torchvision.ops.")) or hasattr(tasks, name)


def known_names(tasks: ModuleType) -> list[str]:
    """Module names that a row may use: our blocks and Ultralytics' layers."""
    from torch import nn

    stock = [name for name, member in vars(tasks).items() if isinstance(member, type) and issubclass(member, nn.Module)]
    return [spec.name for spec in list_blocks()] + stock


def name_taken_by(tasks: ModuleType) -> Callable[[str], str | None]:
    """A check for block names: refuse those that the stock parser already resolves, or would mistake."""

    def check(name: str) -> str | None:
        if is_stock_name(name, tasks):
            return f"Ultralytics already resolves '{name}' in model YAMLs; rename the block with @block(name=...)"
        return None

    return check


def type_path(spec: BlockSpec) -> str:
    """Import path of the block's class, as the model table shows it."""
    return f"{spec.cls.__module__}.{spec.cls.__qualname__}"


def _module_name(raw_row: Any) -> str | None:
    if isinstance(raw_row, (list, tuple)) and len(raw_row) == 4 and isinstance(raw_row[2], str):
        return raw_row[2]
    return None

