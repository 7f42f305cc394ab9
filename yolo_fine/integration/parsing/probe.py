# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asks the stock parser what it would do: channels of a layer, width and depth scaling, activation.

Probe rows are appended to the rows above a block and parsed by stock Ultralytics on the meta device, where building a
layer costs no memory and no arithmetic. No rule of the stock parser is repeated here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from yolo_fine.integration.log import silent_thread
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
    """Ultralytics' own parser, with all that it was called with.

    Attributes:
        function: The parser.
        model: The model dictionary.
        image_channels: Channels of the images.
        args: Further arguments (``verbose``, and what a release may add), handed through.
        kwargs: The same by name.
    """

    function: Callable[..., Any]
    model: dict[str, Any]
    image_channels: int
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def parse(self, model: dict[str, Any], verbose: bool | None = None) -> tuple[Any, Any]:
        """Build another model dictionary: the layers, and the numbers of those whose outputs are kept.

        Args:
            model: The dictionary.
            verbose: Print the model table; by default as the parser was called.
        """
        args, kwargs = self.args, dict(self.kwargs)
        if verbose is not None:  # the first argument behind the channels, by position or by name
            args, kwargs = ((verbose, *args[1:]), kwargs) if args else (args, {**kwargs, "verbose": verbose})
        layers, save = self.function(model, self.image_channels, *args, **kwargs)
        return layers, save

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
        with activation_kept(), silent_thread():
            layers, _ = self.parse(partial)
        return list(layers)
