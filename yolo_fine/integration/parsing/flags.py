# SPDX-License-Identifier: AGPL-3.0-or-later
"""``[512, Flase]``: a text where a stock layer wants True or False, which Python takes for True."""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import logging
import re
import threading
from collections.abc import Sequence
from typing import Any

from yolo_fine.integration.log import log_filter
from yolo_fine.integration.parsing.probe import StockParser
from yolo_fine.integration.parsing.rows import Row
from yolo_fine.integration.parsing.turns import activation_kept
from yolo_fine.integration.parsing.vocabulary import parser_variables, stock_layer
from yolo_fine.utils.hints import did_you_mean

SHOWN_ARGUMENTS = re.compile(r"\d  [^\s\[]+ *(\[.*\]) *$")  # of the last columns of the model table


def check_flags(stock: StockParser, row: Row, rows: Sequence[Any]) -> None:
    """Raise :class:`ModelYamlError` where a stock row gives a text for an argument that is True or False.

    Args:
        stock: The parser to ask.
        row: The row.
        rows: Rows that the stock parser knows, of which this one is the last.
    """
    layer = stock_layer(str(row.module))
    known = parser_variables()
    if layer is None or not any(isinstance(value, str) and value not in known for value in row.raw[3]):
        return
    parameters = list(inspect.signature(layer).parameters.values())
    if not any(isinstance(parameter.default, bool) for parameter in parameters):
        return
    for parameter, value in zip(parameters, final_arguments(stock, rows), strict=False):
        if isinstance(parameter.default, bool) and isinstance(value, str):
            near = did_you_mean(value, ("True", "False"))
            raise row.error(f"{row.module} argument '{parameter.name}' must be True or False, got {value!r}{near}")


def final_arguments(stock: StockParser, rows: Sequence[Any]) -> list[Any]:
    """What the last row's layer is called with: its arguments once the stock parser has put the channels in front.

    Read off the model table that the parser prints; empty where that can't be read.
    """
    import torch

    partial = copy.deepcopy({**stock.model, "backbone": list(rows), "head": []})  # the parser writes into rows
    lines: list[str] = []
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        lines.extend([str(record.msg)] * (record.thread == thread))
        return record.thread != thread

    with contextlib.suppress(Exception), torch.device("meta"), activation_kept(), log_filter(keep):
        stock.parse(partial, verbose=True)
    found = SHOWN_ARGUMENTS.search(lines[-1]) if lines else None
    with contextlib.suppress(ValueError, SyntaxError):
        return list(ast.literal_eval(found[1])) if found else []
    return []
