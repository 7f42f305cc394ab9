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

import copy
import functools
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from yolo_fine.catalog import find_block, list_blocks
from yolo_fine.errors import ModelYamlError
from yolo_fine.integration.log import log_filter
from yolo_fine.integration.parsing.planned_block import PLACEHOLDER, PlannedBlock, plan_block
from yolo_fine.integration.parsing.probe import StockParser
from yolo_fine.integration.parsing.rows import Row, read_rows
from yolo_fine.integration.versions import installed_version, require
from yolo_fine.registry import BlockSpec


def wrap_parse_model(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``tasks.parse_model``: stock, plus rows that name registered blocks."""

    @functools.wraps(stock)
    def parse_model(d: dict[str, Any], ch: int, *args: Any, **kwargs: Any) -> Any:
        tasks = sys.modules[stock.__module__]
        rows = list(read_rows(d))
        if any(find_our_block(row, tasks) for row in rows):
            return parse_with_blocks(StockParser(stock, d, ch, args, kwargs), rows, tasks)
        try:
            return stock(d, ch, *args, **kwargs)
        except KeyError as error:
            row = next((row for row in rows if error.args and row.module == error.args[0]), None)
            if row is None or is_stock_name(str(row.module), tasks):
                raise
            raise row.unknown(known_names(tasks)) from error

    return parse_model


def parse_with_blocks(stock: StockParser, rows: Sequence[Row], tasks: ModuleType) -> Any:
    """Build a model whose rows name blocks: plan, lower, let stock build, swap the blocks in.

    Returns:
        What the stock parser returns: ``(nn.Sequential, savelist)``.

    Raises:
        ModelYamlError: A row can't be built; the message names file, row, reason and signature.
        UpstreamError: The stock parser did not build what the placeholders ask for.
    """
    check_family(stock.model, rows[0].file)
    planned: dict[int, PlannedBlock] = {}
    lowered: list[Any] = []
    for row in rows:
        spec = find_our_block(row, tasks)
        row.check(spec)
        if spec is not None:
            planned[row.index] = plan_block(stock, row, spec, lowered)
            lowered.append(planned[row.index].placeholder)
        elif is_stock_name(row.raw[2], tasks):
            lowered.append(row.raw)
        else:
            raise row.unknown(known_names(tasks))

    modules = build_blocks(stock, planned)
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


def check_family(model: dict[str, Any], file: str) -> None:
    """Raise :class:`ModelYamlError` for a YOLO26 model on an Ultralytics that does not know the family."""
    if "end2end" in model and installed_version() < (8, 4):
        seen = ".".join(map(str, installed_version()))
        raise ModelYamlError(f"{file}: YOLO26 models need Ultralytics 8.4.0 or newer, this is {seen}")


def build_blocks(stock: StockParser, planned: dict[int, PlannedBlock]) -> dict[int, Any]:
    """Construct every planned block, with the activation that the YAML asks for in their Conv layers."""
    from ultralytics.nn.modules import Conv

    default_act = Conv.default_act
    if stock.model.get("activation"):
        Conv.default_act = stock.activation()
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
