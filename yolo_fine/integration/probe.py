# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks the stock parser what it would do: channels of a layer, width and depth scaling, activation.

Probe rows are appended to the rows above the block and parsed by stock Ultralytics on the meta device, where building
a layer costs no memory and no arithmetic. No rule of the stock parser is repeated here.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from yolo_fine.integration.upstream import require


@dataclass(frozen=True)
class Probe:
    """What the stock parser makes of the rows above a block.

    Attributes:
        channels: Channels of each source.
        scaled_width: The asked number of output channels after width scaling, or None if none was asked.
        repeats: The asked repeats after depth scaling.
    """

    channels: list[int]
    scaled_width: int | None
    repeats: int


def probe(
    stock: Callable[..., Any],
    model: dict[str, Any],
    rows_above: Sequence[Any],
    image_channels: int,
    sources: Sequence[int],
    width: int | None = None,
    repeats: int = 1,
) -> Probe:
    """Parse ``rows_above`` and a few probe rows with the stock parser, on the meta device.

    Args:
        stock: Ultralytics' own ``parse_model``.
        model: The model dictionary that the rows are from (for its scales and other keys).
        rows_above: Lowered rows: none of them names a block of ours.
        image_channels: Channels of the image.
        sources: Absolute layer indices, or -1 in front of the first layer.
        width: A number of output channels to be scaled.
        repeats: A number of repeats to be scaled.
    """
    import torch
    from torch import nn

    first = len(rows_above)
    probes: list[Any] = [[source, 1, "nn.BatchNorm2d", []] for source in sources]
    anchor = max(sources[0], 0)  # in front of the first layer, the probe itself is layer 0 and has the image's channels
    probes.append([anchor, repeats, "nn.Identity", []])
    if width is not None:
        probes.append([anchor, 1, "Conv", [width, 1, 1]])
    with torch.device("meta"):
        built = parse_rows(stock, model, [*rows_above, *probes], image_channels)
    norms, depth = built[first : first + len(sources)], built[first + len(sources)]
    require(all(isinstance(norm, nn.BatchNorm2d) for norm in norms), "an nn.BatchNorm2d row builds an nn.BatchNorm2d")
    scaled_width = built[-1].conv.out_channels if width is not None else None
    return Probe(
        [norm.num_features for norm in norms], scaled_width, len(depth) if isinstance(depth, nn.Sequential) else 1
    )


def activation_of(stock: Callable[..., Any], model: dict[str, Any]) -> Any:
    """The activation module that a YAML's ``activation:`` key gives to stock Conv layers."""
    return parse_rows(stock, model, [[-1, 1, "Conv", [8, 1, 1]]], 8)[0].act


def parse_rows(stock: Callable[..., Any], model: dict[str, Any], rows: Sequence[Any], image_channels: int) -> list[Any]:
    """Build ``rows`` with the stock parser, silently, leaving Ultralytics' process-wide default activation alone."""
    from ultralytics.nn.modules import Conv

    default_act = Conv.default_act
    keys = {key: value for key, value in model.items() if key not in ("backbone", "head")}
    try:
        with silenced():
            layers, _ = stock({**copy.deepcopy(keys), "backbone": copy.deepcopy(list(rows)), "head": []}, image_channels, False)
    finally:
        Conv.default_act = default_act
    return list(layers)


@contextmanager
def silenced() -> Iterator[None]:
    """Drop what this thread writes to Ultralytics' log."""
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        return record.thread != thread

    with log_filter(keep):
        yield


@contextmanager
def log_filter(keep: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Put a filter on Ultralytics' logger for a while."""
    from ultralytics.utils import LOGGER

    LOGGER.addFilter(keep)
    try:
        yield
    finally:
        LOGGER.removeFilter(keep)
