# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model YAML run row by row on the meta device: what each layer puts out, or why it can't.

Every row is built alone by the stock parser, behind placeholders with the channels of its sources, and called with
tensors that have shapes but no numbers. A faulty row so does not hide the faults of the others.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from yolo_fine.errors import ModelYamlError, YoloFineError
from yolo_fine.integration.parser import build_blocks, find_our_block, is_stock_name, known_names
from yolo_fine.integration.planned_block import PLACEHOLDER, plan_block
from yolo_fine.integration.probe import StockParser
from yolo_fine.integration.rows import Row, read_rows
from yolo_fine.integration.vocabulary import image_channels

MOST_KNOWN = 10_000  # rows to remember
PICTURE = 256  # pixels a side: what Ultralytics itself uses to find a model's strides


@dataclass(frozen=True)
class Map:
    """What a layer puts out.

    Attributes:
        channels: Channels as the stock parser counts them (a list for layers that put out several maps).
        value: The output on the meta device: a tensor, or a nested structure of them.
        parameters: Parameters of the layer.
    """

    channels: Any
    value: Any
    parameters: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the output, empty if it is not a tensor."""
        return tuple(getattr(self.value, "shape", ()))

    @property
    def stride(self) -> int | None:
        """Pixels of the picture a cell, or None if the output is not a map."""
        shape = self.shape
        return PICTURE // shape[2] if len(shape) == 4 and shape[2] else None

    @property
    def real_channels(self) -> int | None:
        """Channels of the tensor, or None if the output is not a map."""
        return self.shape[1] if len(self.shape) == 4 else None

    def __str__(self) -> str:
        """``128 channels at stride 8``."""
        shape = self.shape
        if len(shape) != 4:
            return "not a map"
        size = f"stride {self.stride}" if self.stride and shape[2] == shape[3] else f"{shape[2]}x{shape[3]} cells"
        return f"{shape[1]} channels at {size}"


_known: dict[str, Map] = {}  # necks repeat rows, and every scale and variant of a model is run: see DryRun._key


class DryRun:
    """Runs the rows of one model dictionary (as ``yaml_model_load`` returns it), at the scale that it names."""

    def __init__(self, model: dict[str, Any]) -> None:
        import torch
        from ultralytics.nn import tasks

        self.tasks = tasks
        self.channels = image_channels(model)
        self.stock = StockParser(inspect.unwrap(tasks.parse_model), model, self.channels)
        self.keys = {key: model[key] for key in model if key not in ("backbone", "head", "yaml_file")}
        self.picture = Map(self.channels, torch.zeros(1, self.channels, PICTURE, PICTURE, device="meta"))

    def run(self, row: Row, sources: Sequence[Map]) -> Map:
        """Build one row for the given inputs and call it.

        Raises:
            ModelYamlError: The row names nothing known, can't be built, or does not take these inputs.
        """
        key = self._key(row, sources)
        if key in _known:
            return _known[key]
        module, channels = self.build(row, sources)
        spec = find_our_block(row, self.tasks)
        takes_one_map = row.is_single or (spec is not None and spec.inputs == 1)
        value = sources[0].value if takes_one_map else [source.value for source in sources]
        parameters = sum(parameter.numel() for parameter in module.parameters())
        try:
            found = Map(channels, forward(module, value, channels), parameters)
        except Exception as error:  # whatever a layer raises on inputs that do not fit it
            listed = "; ".join(f"from {i}: {source}" for i, source in zip(row.sources, sources, strict=True))
            raise row.error(f"does not take its inputs ({listed}): {reason(error)}") from error
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = found
        return found

    def _key(self, row: Row, sources: Sequence[Map]) -> str:
        """All that a row's output depends on: the row but for its ``from``, its inputs, and the keys of the YAML."""
        inputs = [(source.channels, shapes(source.value)) for source in sources]
        spec = find_our_block(row, self.tasks)
        return repr((row.index == 0, row.is_single, row.raw[1:], inputs, self.keys, spec and id(spec.cls)))

    def build(self, row: Row, sources: Sequence[Map]) -> tuple[Any, Any]:
        """The row's module on the meta device, and its output channels as the stock parser counts them.

        Raises:
            ModelYamlError: The row names nothing known, or can't be built.
        """
        import torch

        above = [placeholder(source.channels) for source in sources] if row.index else []
        places = list(range(len(sources))) if row.index else [-1] * len(sources)
        local = Row(len(above), row.section, row.position, [places, *row.raw[1:]], row.file)
        spec = find_our_block(row, self.tasks)
        try:
            if spec is not None:
                planned = plan_block(self.stock, local, spec, above)
                with torch.device("meta"):
                    return build_blocks(self.stock, {0: planned})[0], planned.c2
            if not is_stock_name(row.raw[2], self.tasks):
                raise row.unknown(known_names(self.tasks))
            return self._build_stock(row, above, places)
        except YoloFineError as error:
            raise ModelYamlError(str(error).replace(local.where, row.where)) from error
        except Exception as error:
            raise row.error(f"Ultralytics can't build it: {reason(error)}") from error

    def _build_stock(self, row: Row, above: list[Any], places: list[int]) -> tuple[Any, Any]:
        import torch

        source = places[0] if row.is_single else places
        index = len(above)
        repeats, name, args = copy.deepcopy(list(row.raw[1:]))
        if name == "TorchVision" and len(args) > 1:
            args[2:3] = [None]  # [channels, model, weights, ...]: shapes need no download
        rows = [*above, [source, repeats, name, args]]
        with torch.device("meta"):
            built = self.stock.parse_silently([*rows, [index, 1, "nn.BatchNorm2d", []]])
        return built[index], built[index + 1].num_features

    def outputs(self) -> list[Map]:
        """What every layer of the model puts out.

        Raises:
            ModelYamlError: At the first row that can't be built or does not take its inputs.
        """
        maps: list[Map] = []
        for row in read_rows(self.stock.model):
            row.check(find_our_block(row, self.tasks))
            maps.append(self.run(row, [self.picture if i < 0 else maps[i] for i in row.absolute_sources]))
        return maps


def shapes(value: Any) -> Any:
    """Shapes of all tensors of a nested output."""
    if isinstance(value, dict):
        return {key: shapes(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shapes(item) for item in value]
    return tuple(getattr(value, "shape", ()))


def placeholder(channels: Any) -> list[Any]:
    """A stock row with that many output channels; for layers with several maps, their sum (nobody looks at it)."""
    count = channels if isinstance(channels, int) else sum(channels)
    return [-1, 1, PLACEHOLDER, [1, count, 1, True, 1]]


def forward(module: Any, value: Any, channels: Any) -> Any:
    """Call a module on the meta device. What also wants text, or the labels of a batch, is taken at its word.

    Heads of the Detect family are called as in training, where they return their raw maps.
    """
    import torch
    from ultralytics.nn import modules
    from ultralytics.nn.modules import Detect, RTDETRDecoder

    untold = (RTDETRDecoder, getattr(modules, "YOLOEDetect", RTDETRDecoder))  # 8.3.0 has no YOLOE
    if isinstance(module, untold) or wants_more_than_one_input(module):
        first = value[0] if isinstance(value, list) else value
        return first.new_empty(1, channels, *first.shape[2:]) if isinstance(channels, int) else None
    module.train(isinstance(module, Detect))
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eval()
    with torch.no_grad():
        if type(module).__module__.startswith("torch.nn") and not list(module.parameters()):
            return to_meta(module(to_zeros(value)))  # some of them check their arguments only on real numbers
        return module(value)


def to_zeros(value: Any) -> Any:
    """Tensors of zeros in the shape of meta tensors."""
    import torch

    return [to_zeros(item) for item in value] if isinstance(value, (list, tuple)) else torch.zeros(value.shape)


def to_meta(value: Any) -> Any:
    """Meta tensors in the shape of tensors."""
    return [to_meta(item) for item in value] if isinstance(value, (list, tuple)) else value.to("meta")


def wants_more_than_one_input(module: Any) -> bool:
    """Whether ``forward`` has a second parameter without a default."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return len(required) > 1


def reason(error: Exception) -> str:
    """The first line of an error, with its type where the text alone says little."""
    text = str(error).strip().split("\n", maxsplit=1)[0]
    return text if isinstance(error, (RuntimeError, ValueError)) and text else f"{type(error).__name__}: {text}"
