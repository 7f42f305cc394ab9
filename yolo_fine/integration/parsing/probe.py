# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks the stock parser what it would do: channels of a layer, width and depth scaling, activation.

Probe rows are appended to the rows above a block and parsed by stock Ultralytics on the meta device, where building a
layer costs no memory and no arithmetic. No rule of the stock parser is repeated here.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from yolo_fine.integration.parsing.turns import activation_kept
from yolo_fine.integration.versions import require


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


@dataclass(frozen=True)
class StockParser:
    """Ultralytics' own parser, with the model dictionary and the image channels that it was called with."""

    parse: Callable[..., Any]
    model: dict[str, Any]
    image_channels: int

    def probe(
        self, rows_above: Sequence[Any], sources: Sequence[int], width: int | None = None, repeats: int = 1
    ) -> Probe:
        """Parse ``rows_above`` and a few probe rows on the meta device.

        Args:
            rows_above: Lowered rows: none of them names a block of ours.
            sources: Absolute layer indices, or -1 in front of the first layer.
            width: A number of output channels to be scaled.
            repeats: A number of repeats to be scaled.
        """
        import torch
        from torch import nn

        first = len(rows_above)
        probes: list[Any] = [[source, 1, "nn.BatchNorm2d", []] for source in sources]
        anchor = max(sources[0], 0)  # in front of the first layer, the probe itself is layer 0
        probes.append([anchor, repeats, "nn.Identity", []])
        if width is not None:
            probes.append([anchor, 1, "Conv", [width, 1, 1]])
        with torch.device("meta"):
            built = self.parse_silently([*rows_above, *probes])
        norms, stack = built[first : first + len(sources)], built[first + len(sources)]
        for norm in norms:
            require(isinstance(norm, nn.BatchNorm2d), "an nn.BatchNorm2d row builds an nn.BatchNorm2d")
        return Probe(
            channels=[norm.num_features for norm in norms],
            scaled_width=built[-1].conv.out_channels if width is not None else None,
            repeats=len(stack) if isinstance(stack, nn.Sequential) else 1,
        )

    def activation(self) -> Any:
        """The module that the YAML's ``activation:`` key gives to stock Conv layers."""
        return self.parse_silently([[-1, 1, "Conv", [8, 1, 1]]])[0].act

    def parse_silently(self, rows: Sequence[Any]) -> list[Any]:
        """Build ``rows`` and nothing else, leaving Ultralytics' log and its process-wide default activation alone."""
        partial = copy.deepcopy({**self.model, "backbone": list(rows), "head": []})
        thread = threading.get_ident()
        with activation_kept(), log_filter(lambda record: record.thread != thread):
            layers, _ = self.parse(partial, self.image_channels, False)
        return list(layers)


@contextmanager
def log_filter(keep: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Put a filter on Ultralytics' logger for a while."""
    from ultralytics.utils import LOGGER

    LOGGER.addFilter(keep)
    try:
        yield
    finally:
        LOGGER.removeFilter(keep)
