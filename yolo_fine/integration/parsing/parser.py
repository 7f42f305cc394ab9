# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows that name our blocks, in any model YAML that stock Ultralytics parses.

The stock parser can size neither a layer that it does not know nor one with several inputs. So our rows are *lowered*:

1. every row is checked, and each block's channels are found by probe rows that the stock parser reads (:mod:`.probe`);
2. each block row becomes a stock placeholder row with the right output channels (a ``ResNetLayer`` stem, the one stock
   layer that takes any ``from`` and an unscaled number of channels);
3. the stock parser builds the model once, and our modules take the placeholders' places.

YAMLs that name no block of ours go straight to the stock parser.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import logging
import math
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from yolo_fine.block_spec import BlockSpec
from yolo_fine.catalog import find_block, list_blocks
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.assign_settings import read_assign_settings
from yolo_fine.integration.head_settings import HeadSettings, follow_when_built, read_head_settings
from yolo_fine.integration.log import log_filter
from yolo_fine.integration.max_stride import read_max_stride
from yolo_fine.integration.parsing.doubts import with_doubt
from yolo_fine.integration.parsing.flags import check_flags
from yolo_fine.integration.parsing.planned_block import PLACEHOLDER, PlannedBlock, check_maps, plan_block
from yolo_fine.integration.parsing.probe import StockParser
from yolo_fine.integration.parsing.rows import Row, read_rows
from yolo_fine.integration.parsing.turns import activation_kept
from yolo_fine.integration.versions import installed_version, require

LARGE = 100  # as an argument of a block


def wrap_parse_model(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``tasks.parse_model``: stock, plus rows that name registered blocks."""

    @functools.wraps(stock)
    def parse_model(d: dict[str, Any], ch: int, *args: Any, **kwargs: Any) -> Any:
        settings = check_top_level_keys(d)
        built = parse_rows(StockParser(stock, d, ch, args, kwargs))
        follow_when_built(built[0][-1], settings)
        return built

    return parse_model


def check_top_level_keys(model: dict[str, Any]) -> HeadSettings:
    """Check our keys beside the rows before anything is built; returns those of the head.

    Raises:
        ModelYamlError: The value of one can't be used.
    """
    file = str(model.get("yaml_file", "model YAML"))
    if "assign" in model:
        read_assign_settings(model["assign"], file)
    read_max_stride(model, file)
    return read_head_settings(model, file)


def parse_rows(stock: StockParser) -> Any:
    """What stock builds, plus rows that name registered blocks."""
    tasks = sys.modules[stock.function.__module__]
    rows = list(read_rows(stock.model))
    if any(find_our_block(row, tasks) for row in rows):
        with activation_kept():
            return parse_with_blocks(stock, rows, tasks)
    try:
        return stock.parse(stock.model)
    except KeyError as error:
        row = next((row for row in rows if error.args and row.module == error.args[0]), None)
        if row is None or is_stock_name(str(row.module), tasks):
            raise
        raise row.unknown(known_names(tasks)) from error


def parse_with_blocks(stock: StockParser, rows: Sequence[Row], tasks: ModuleType) -> Any:
    """Build a model whose rows name blocks: plan, lower, let stock build, swap the blocks in.

    Returns:
        What the stock parser returns: ``(nn.Sequential, savelist)``.

    Raises:
        ModelYamlError: A row can't be built; the message names file, row, reason and signature.
        UpstreamError: The stock parser did not build what the placeholders ask for.
    """
    check_family(stock.model, rows[0].file)
    lowered, planned = lower(stock, rows, tasks)
    for plan in planned.values():
        check_memory(stock.model, plan)
    modules = build_blocks(stock, planned)
    for plan in planned.values():
        if plan.doubt is not None:
            told(f"{plan.row.where}: {plan.doubt.words}")

    split = len(stock.model.get("backbone") or [])
    model = {**stock.model, "backbone": copy.deepcopy(lowered[:split]), "head": copy.deepcopy(lowered[split:])}
    with log_filter(table_lines(planned, modules)):
        layers, save = stock.parse(model)
    for index, module in modules.items():
        placeholder = layers[index]
        require(type(placeholder).__name__ == PLACEHOLDER, f"a {PLACEHOLDER} row builds a {PLACEHOLDER}")
        module.i, module.f, module.type = index, placeholder.f, planned[index].type_path
        module.np = sum(parameter.numel() for parameter in module.parameters())
        layers[index] = module
    return layers, save


def lower(
    stock: StockParser, rows: Sequence[Row], tasks: ModuleType, look_closer: bool = True
) -> tuple[list[Any], dict[int, PlannedBlock]]:
    """Check rows, and put stock placeholders in the places of those that name blocks.

    Args:
        stock: The parser to ask.
        rows: Rows from the first on.
        tasks: The module of the stock parser.
        look_closer: Look for what can be built but was hardly meant, too.

    Returns:
        The rows for the stock parser, and the planned blocks by layer.

    Raises:
        ModelYamlError: A row can't be built.
    """
    lowered: list[Any] = []
    planned: dict[int, PlannedBlock] = {}
    for row in rows:
        spec = find_our_block(row, tasks)
        row.check(spec)
        several = {index: plan.outputs for index, plan in planned.items() if plan.spec.gives_maps}
        check_maps(row, spec, {index: len(maps) for index, maps in several.items()})
        if spec is not None:
            counts = functools.partial(channel_counts, stock, rows, row.index, tasks) if look_closer else None
            planned[row.index] = plan_block(stock, row, spec, lowered, counts, several=several)
            lowered.append(planned[row.index].placeholder)
        elif is_stock_name(row.raw[2], tasks):
            lowered.append(row.raw)
            if look_closer:
                check_flags(stock, row, lowered)
        else:
            raise row.unknown(known_names(tasks))
    return lowered, planned


def channel_counts(stock: StockParser, rows: Sequence[Row], index: int, tasks: ModuleType) -> set[int]:
    """Channels of a block row's inputs and output, as they are, at every scale of the YAML, and unscaled."""
    row, spec = rows[index], find_our_block(rows[index], tasks)
    scales = {"as it is": None, "unscaled": [0.01, 1.0, math.inf], **(stock.model.get("scales") or {})}
    found: set[int] = set()
    for letter, values in scales.items():
        with contextlib.suppress(Exception):  # whatever is wrong with the rows above, or at another scale
            model = {**stock.model, "scales": {letter: values}, "scale": letter} if values else stock.model
            other = dataclasses.replace(stock, model=model)
            above, _ = lower(other, rows[:index], tasks, look_closer=False)
            channels = other.probe(above, row.absolute_sources).channels
            known = spec is not None and spec.out not in ("arg", "picked")
            found |= {*channels, *([spec.output_channels(channels)] if spec and known else [])}
    return found


def check_memory(model: dict[str, Any], plan: PlannedBlock) -> None:
    """Raise lint's :class:`ModelYamlError` for a block that would ask for all memory. Tried where numbers are large."""
    from yolo_fine.integration.dry_run.limits import plain_values
    from yolo_fine.integration.dry_run.rows import DryRun

    numbers = [value for value in plain_values(plan.kwargs) if isinstance(value, (int, float))]
    if max(numbers, default=0) < LARGE:
        return
    row = plan.row
    head = [] if row.section == "backbone" else model["head"]
    rows_down_to_it = {**model, "head": head, row.section: model[row.section][: row.position + 1]}
    try:
        DryRun(rows_down_to_it).outputs()
    except ModelYamlError as error:
        if str(error).startswith(row.where):  # what is wrong above says the parser
            raise ModelYamlError(with_doubt(error, plan.doubt)) from error


_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


@contextlib.contextmanager
def collected_doubts() -> Iterator[list[str]]:
    """What there is to doubt in the models that are built inside; it is handed out instead of logged."""
    doubts: list[str] = []
    token = _collected.set(doubts)
    try:
        yield doubts
    finally:
        _collected.reset(token)


def told(doubt: str) -> None:
    """Hand a doubt to whoever collects them, or log it."""
    collected = _collected.get()
    if collected is None:
        warn_once(doubt)
    else:
        collected.append(doubt)


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning, once: a training builds its model several times."""
    from ultralytics.utils import LOGGER

    LOGGER.warning(f"yolo_fine: {message}")


def check_family(model: dict[str, Any], file: str) -> None:
    """Raise :class:`ModelYamlError` for a YOLO26 model on an Ultralytics that does not know the family."""
    if "end2end" in model and installed_version() < (8, 4):
        seen = ".".join(map(str, installed_version()))
        raise ModelYamlError(f"{file}: YOLO26 models need Ultralytics 8.4.0 or newer, this is {seen}")


def build_blocks(stock: StockParser, planned: dict[int, PlannedBlock]) -> dict[int, Any]:
    """Construct every planned block, with the activation that the YAML asks for in their Conv layers."""
    from ultralytics.nn.modules import Conv

    with activation_kept():
        if stock.model.get("activation"):
            Conv.default_act = stock.activation()
        return {index: plan.build() for index, plan in planned.items()}


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


def find_our_block(row: Row, tasks: ModuleType) -> BlockSpec | None:
    """The registered block that a row names. Where Ultralytics resolves that name too, stock stays stock."""
    spec = find_block(row.module)
    if spec is not None and is_stock_name(spec.name, tasks):
        ours = f"{spec.cls.__module__}.{spec.cls.__qualname__}"
        warnings.warn(f"yolo_fine: '{spec.name}' is Ultralytics' own layer here, not {ours}", stacklevel=2)
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
    """A check for new blocks' names: those that the stock parser already resolves are refused."""

    def check(name: str) -> str | None:
        if is_stock_name(name, tasks):
            return f"Ultralytics already resolves '{name}' in model YAMLs; rename the block with @block(name=...)"
        return None

    return check
