# SPDX-License-Identifier: AGPL-3.0-or-later
"""A model YAML run row by row on the meta device: what each layer puts out, or why it can't.

Every row is built alone by the stock parser, behind placeholders with the channels of its sources, and called with
tensors that have shapes but no numbers. A faulty row so does not hide the faults of the others. (Detect heads are
lighter in models with some newer layers; built alone they get the heavier form, with the same outputs.)
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Sequence
from typing import Any

from yolo_fine.errors import ModelYamlError, YoloFineError
from yolo_fine.integration.dry_run.forward import (
    count_parameters,
    forward,
    looks_at_numbers,
    reason,
    run_on_numbers,
)
from yolo_fine.integration.dry_run.limits import MOST, MOST_REPEATS, MOST_VALUES, too_large
from yolo_fine.integration.dry_run.maps import IMAGE, Map, shapes
from yolo_fine.integration.dry_run.torchvision_rows import without_download
from yolo_fine.integration.parsing.flags import check_flags
from yolo_fine.integration.parsing.parser import build_blocks, find_our_block, is_stock_name, known_names
from yolo_fine.integration.parsing.planned_block import PLACEHOLDER, check_maps, plan_block
from yolo_fine.integration.parsing.probe import StockParser
from yolo_fine.integration.parsing.rows import Row, read_rows, variants
from yolo_fine.integration.parsing.vocabulary import image_channels

MOST_KNOWN = 10_000  # rows to remember
_known: dict[str, Map] = {}  # necks repeat rows, and every scale and variant of a model is run: see DryRun._key


class DryRun:
    """Runs the rows of one model dictionary (as ``yaml_model_load`` returns it), at the scale that it names."""

    def __init__(self, model: dict[str, Any]) -> None:
        import torch
        from ultralytics.nn import tasks

        self.tasks = tasks
        self.channels = image_channels(model)
        self.stock = StockParser(inspect.unwrap(tasks.parse_model), model, self.channels, kwargs={"verbose": False})
        self.keys = {key: model[key] for key in model if key not in ("backbone", "head", "yaml_file")}
        self.depth = depth_of(model)
        self.image = Map(self.channels, torch.zeros(1, self.channels, IMAGE, IMAGE, device="meta"))

    def run(self, row: Row, sources: Sequence[Map]) -> Map:
        """Build one row for the given inputs and call it.

        Raises:
            ModelYamlError: The row names nothing known, can't be built, or does not take these inputs.
        """
        key = self._key(row, sources)
        if key in _known:
            return _known[key]
        try:
            found = self._run(row, sources, "meta")
        except ModelYamlError as error:
            if find_our_block(row, self.tasks) is None:
                raise ModelYamlError(f"{error}{self._hint(row, sources)}") from error
            if not looks_at_numbers(error):
                raise
            found = self._run(row, sources, "cpu")
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = found
        return found

    def build(self, row: Row, sources: Sequence[Map], device: str = "meta") -> tuple[Any, Any]:
        """The row's module, and its output channels as the stock parser counts them; of several maps, a list.

        Raises:
            ModelYamlError: The row names nothing known, reads several maps as one, can't be built, or would be too
                large.
        """
        import torch

        from yolo_fine.integration.dry_run.watch import Watch

        self.check_size(row)
        local = row
        spec = find_our_block(row, self.tasks)
        given = list(zip(row.absolute_sources, sources, strict=True))
        check_maps(row, spec, {index: len(source.value) for index, source in given if source.gives_maps})
        try:
            above = [placeholder(source.channels) for source in sources] if row.index else []
            places = list(range(len(sources))) if row.index else [-1] * len(sources)
            local = Row(len(above), row.section, row.position, [places, *row.raw[1:]], row.file)
            with Watch():
                if spec is not None:
                    several = {i: one.channels for i, one in enumerate(sources) if isinstance(one.channels, list)}
                    planned = plan_block(self.stock, local, spec, above, several=several)
                    with torch.device(device):
                        module = build_blocks(self.stock, {0: planned})[0]
                    return module, planned.outputs if spec.gives_maps else planned.c2
                if not is_stock_name(row.raw[2], self.tasks):
                    raise row.unknown(known_names(self.tasks))
                return self._build_stock(row, above, places)
        except YoloFineError as error:
            raise ModelYamlError(str(error).replace(local.where, row.where)) from error
        except Exception as error:  # whatever a layer's constructor raises
            raise row.error(f"Ultralytics can't build it: {reason(error)}") from error

    def check_flags(self, row: Row, sources: Sequence[Map]) -> None:
        """Raise :class:`ModelYamlError` where a stock row gives a text for an argument that is True or False."""
        source = 0 if row.is_single else list(range(len(sources)))
        above = [placeholder(source.channels) for source in sources]
        check_flags(self.stock, row, [*above, [source, *row.raw[1:]]])

    def outputs(self) -> list[Map]:
        """What every layer of the model puts out.

        Raises:
            ModelYamlError: At the first row that can't be built or does not take its inputs.
        """
        maps: list[Map] = []
        for row in read_rows(self.stock.model):
            row.check(find_our_block(row, self.tasks))
            maps.append(self.run(row, [self.image if i < 0 else maps[i] for i in row.absolute_sources]))
        return maps

    def activation(self) -> Any:
        """The layer that the model's ``activation:`` asks for, tried on a map with 24 channels.

        Raises:
            ModelYamlError: It can't be built, is too large, or changes the shape of a map.
        """
        import torch

        from yolo_fine.integration.dry_run.watch import Watch

        text = f"{self.stock.model.get('yaml_file')}: activation: {self.stock.model.get('activation')!r}"
        try:
            with torch.device("meta"), Watch(MOST_VALUES):
                layer = self.stock.activation()
                before = torch.zeros(1, 24, 8, 8)
                after = layer(before)
        except Exception as error:  # whatever the layer raises
            raise ModelYamlError(f"{text} can't be used: {reason(error)}") from error
        if shapes(after) != shapes(before):
            raise ModelYamlError(f"{text} changes the shape of a map, an activation must not")
        return layer

    def _run(self, row: Row, sources: Sequence[Map], device: str) -> Map:
        """As :meth:`run`, without memory, and on a device of one's choice."""
        module, channels = self.build(row, sources, device)
        spec = find_our_block(row, self.tasks)
        takes_one_map = row.is_single or (spec is not None and spec.reads_one_row)
        value = sources[0].value if takes_one_map else [source.value for source in sources]
        try:
            parameters = count_parameters(module)
            output = forward(module, value, channels) if device == "meta" else run_on_numbers(module, value)
            return Map(channels, output, parameters, spec is not None and spec.gives_maps)
        except Exception as error:  # whatever a layer raises on inputs that do not fit it
            listed = "; ".join(f"from {i}: {source}" for i, source in zip(row.sources, sources, strict=True))
            raise row.error(f"does not take its inputs ({listed}): {reason(error)}") from error

    def _hint(self, row: Row, sources: Sequence[Map]) -> str:
        """What small change would let a stock row run, as a clause of its error; empty if none is known."""
        for raw, words in variants(row):
            changed = dataclasses.replace(row, raw=raw)
            try:
                self._run(changed, sources[:1] if changed.is_single else sources, "meta")
            except ModelYamlError:
                continue
            return f"; {words}"
        return ""

    def check_size(self, row: Row) -> None:
        """Raise :class:`ModelYamlError` for a row that is too large by its numbers, or by its module."""
        named = getattr(self.tasks, row.raw[2], None)
        if isinstance(named, type) and issubclass(named, (self.tasks.BaseModel, self.tasks.Ensemble)):
            raise row.error(f"{row.raw[2]} is a whole model, no layer")
        repeats = row.raw[1] * self.depth
        if repeats > MOST_REPEATS:
            raise row.error(f"{repeats:,.0f} repeats (with the model's depth) are more than {MOST_REPEATS}")
        large = too_large(row.raw[3])
        if large is not None:
            raise row.error(f"the argument {large!r} is too large; the most is {MOST:,}")

    def _build_stock(self, row: Row, above: list[Any], places: list[int]) -> tuple[Any, Any]:
        import torch

        source = places[0] if row.is_single else places
        index = len(above)
        repeats, name, args = copy.deepcopy(list(row.raw[1:]))
        if name == "TorchVision":
            args = without_download(args)
        rows = [*above, [source, repeats, name, args]]
        with torch.device("meta"):
            built = self.stock.parse_silently([*rows, [index, 1, "nn.BatchNorm2d", []]])
        return built[index], built[index + 1].num_features

    def _key(self, row: Row, sources: Sequence[Map]) -> str:
        """All that a row's output depends on: the row but for its ``from``, its inputs, and the keys of the YAML."""
        inputs = [(source.channels, shapes(source.value), source.gives_maps) for source in sources]
        spec = find_our_block(row, self.tasks)
        return repr((row.index == 0, row.is_single, row.raw[1:], inputs, self.keys, spec and id(spec.cls)))


def depth_of(model: dict[str, Any]) -> float:
    """The factor on repeats: of the model's scale, or its ``depth_multiple``."""
    scales = model.get("scales") or {}
    values = scales.get(model.get("scale") or next(iter(scales), None)) if isinstance(scales, dict) else None
    depth = values[0] if isinstance(values, list) and values else model.get("depth_multiple")
    return depth if isinstance(depth, (int, float)) else 1.0


def placeholder(channels: Any) -> list[Any]:
    """A stock row with that many output channels; for layers with several maps, their sum (nobody looks at it)."""
    count = channels if isinstance(channels, int) else sum(channels)
    return [-1, 1, PLACEHOLDER, [1, count, 1, True, 1]]
