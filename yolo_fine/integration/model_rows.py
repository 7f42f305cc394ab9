# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rows of a built model by number: what ``freeze=``, ``embed=`` and weights' names count in."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from yolo_fine.catalog import list_blocks
from yolo_fine.errors import YoloFineError
from yolo_fine.integration.model_names import read_name
from yolo_fine.integration.models import build_detection_network
from yolo_fine.integration.transfer.pairing import pair


@dataclass(frozen=True)
class ModelRow:
    """One row of a model.

    Attributes:
        number: Counted from 0: ``model.NUMBER.`` begins the names of its weights.
        inputs: Numbers of the rows that it reads; -1 is the one before.
        name: Of its module.
        shape: Channels, height and width of its output; None for the head.
        parameters: How many.
        stock: Number of its partner in the stock model; None if it has none there.
        is_ours: Whether it is a block of this package, or of another one that is registered.
    """

    number: int
    inputs: tuple[int, ...]
    name: str
    shape: tuple[int, int, int] | None
    parameters: int
    stock: int | None
    is_ours: bool


def model_rows(network: Any, imgsz: int) -> list[ModelRow]:
    """The rows of a network, with the shapes of their outputs for a square image."""
    layers = list(network.model)
    shapes = _shapes(network, imgsz)
    stock = stock_of(network)
    partners = pair(list(build_detection_network(stock).model), layers).layers if stock else {}
    ours = {spec.cls for spec in list_blocks()}
    rows = []
    for number, layer in enumerate(layers):
        source = layer.f if isinstance(layer.f, (list, tuple)) else [layer.f]
        members = layer if type(layer).__name__ == "Sequential" and len(layer) else [layer]
        rows.append(
            ModelRow(
                number=number,
                inputs=tuple(int(one) for one in source),
                name=type(members[0]).__name__ + (f" x{len(members)}" if len(members) > 1 else ""),
                shape=shapes[number],
                parameters=sum(parameter.numel() for parameter in layer.parameters()),
                stock=partners.get(number),
                is_ours=type(members[0]) in ours,
            )
        )
    return rows


def stock_of(network: Any) -> str | None:
    """Name of the stock YAML of a network's family and scale; None for a network of another kind."""
    written = dict(getattr(network, "yaml", None) or {})
    name = read_name(str(written.get("yaml_file", "")))
    if name is None:
        return None
    scale = name.scale or str(written.get("scale") or "n")
    try:
        stock = f"{name.family}{scale}.yaml"
        build_detection_network(stock)
    except (YoloFineError, OSError, ValueError):
        return None
    return stock


def _shapes(network: Any, imgsz: int) -> list[tuple[int, int, int] | None]:
    """Channels, height and width of each row's output, found on the meta device."""
    import torch

    twin = copy.deepcopy(network).train().to("meta")  # in train mode Detect returns raw maps, without decoding
    shapes: list[tuple[int, int, int] | None] = []

    def keep(module: Any, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4:
            _, channels, height, width = output.shape
            shapes.append((channels, height, width))
        else:
            shapes.append(None)

    for module in twin.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    for layer in twin.model:
        layer.register_forward_hook(keep)
    with torch.no_grad():
        twin(torch.zeros(1, int(twin.yaml.get("channels") or 3), imgsz, imgsz, device="meta"))
    return shapes
