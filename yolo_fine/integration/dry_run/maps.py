# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a layer puts out, as a shape without numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

IMAGE = 256  # pixels a side: what Ultralytics itself uses to find a model's strides


@dataclass(frozen=True)
class Map:
    """What a layer puts out.

    Attributes:
        channels: Channels as the stock parser counts them (a list for layers that put out several maps).
        value: The output on the meta device: a tensor, or a nested structure of them.
        parameters: Number of parameters of the layer.
        gives_maps: Whether the layer is a block of ours that puts out several maps, of which rows pick one each.
    """

    channels: Any
    value: Any
    parameters: int = 0
    gives_maps: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the output, empty if it is not a tensor."""
        return tuple(getattr(self.value, "shape", ()))

    @property
    def stride(self) -> int | None:
        """Pixels of the image a cell, or None if the output is not a map."""
        shape = self.shape
        return IMAGE // shape[2] if len(shape) == 4 and shape[2] else None

    @property
    def has_whole_stride(self) -> bool:
        """Whether the output is a square map whose cells cover a whole number of pixels each."""
        shape = self.shape
        return len(shape) == 4 and shape[2] == shape[3] > 0 and IMAGE % shape[2] == 0

    @property
    def real_channels(self) -> int | None:
        """Channels of the tensor, or None if the output is not a map."""
        return self.shape[1] if len(self.shape) == 4 else None

    @property
    def map_channels(self) -> list[int | None]:
        """Channels of each map of a layer that puts out several."""
        return [Map(None, one).real_channels for one in self.value]

    @property
    def values(self) -> int:
        """Number of values in all tensors of the output."""
        return sum(math.prod(tensor.shape) for tensor in tensors(self.value))

    def __str__(self) -> str:
        """``128 channels at stride 8``."""
        shape = self.shape
        if self.gives_maps:
            return f"{len(self.value)} maps: {'; '.join(str(Map(None, one)) for one in self.value)}"
        if len(shape) != 4:
            return "not a map"
        size = f"stride {self.stride}" if self.has_whole_stride else f"{shape[2]}x{shape[3]} cells"
        return f"{shape[1]} channels at {size}"


def tensors(value: Any) -> Iterator[Any]:
    """All tensors of a nested output."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
    elif hasattr(value, "shape"):
        yield value


def shapes(value: Any) -> Any:
    """Shapes of all tensors of a nested output."""
    if isinstance(value, dict):
        return {key: shapes(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shapes(item) for item in value]
    return tuple(getattr(value, "shape", ()))


def to_zeros(value: Any) -> Any:
    """Tensors of zeros in the shape of meta tensors."""
    import torch

    return [to_zeros(item) for item in value] if isinstance(value, (list, tuple)) else torch.zeros(value.shape)


def to_meta(value: Any) -> Any:
    """Meta tensors in the shape of tensors."""
    return [to_meta(item) for item in value] if isinstance(value, (list, tuple)) else value.to("meta")
