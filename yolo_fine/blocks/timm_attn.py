# SPDX-License-Identifier: AGPL-3.0-or-later
"""TimmAttn: any layer of timm that keeps a map's shape, by its name."""

from __future__ import annotations

import functools
import importlib.util
from typing import Annotated

from torch import Tensor, nn

from yolo_fine.errors import BlockArgumentError
from yolo_fine.layers.gain import ResidualGain
from yolo_fine.layers.tracing import is_tracing
from yolo_fine.registry import block
from yolo_fine.utils.constraints import Constraint, Gain
from yolo_fine.utils.hints import did_you_mean

LayerName = Annotated[str, Constraint("the name of a layer of timm", bool)]


@block(
    inputs=1,
    out="same",
    kind="refine",
    paper="https://github.com/huggingface/pytorch-image-models",
    origin="adaptation",
)
class TimmAttn(nn.Module):
    """A layer of ``timm.layers`` (PyTorch Image Models) behind an identity gain.

    ``name`` is one of timm's own short names of attention layers (``se``, ``eca``, ``gc``, ``cbam``, ``bat``, ...) or a
    class in ``timm.layers`` (``GlobalContext``, ``NonLocalAttn``, ...) whose first argument is the number of channels.
    The layer is timm's, with timm's defaults; what is ours is the gain: ``x + g · (layer(x) - x)``.

    At init: the output equals the input to the bit with ``gain=0.0``; ``gain=None`` is the bare layer.

    Cost: the layer's own, and c1 gains.

    Args:
        c1: Channels.
        name: Name of the layer.
        gain: Initial gain; None leaves it out.

    Shapes:
        x: (B, c1, H, W); output the same.

    Raises:
        BlockArgumentError: timm is not installed, knows no such layer, or the layer changes the shape of the map.
    """

    def __init__(self, c1: int, name: LayerName = "eca", *, gain: Gain | None = 0.0) -> None:
        super().__init__()
        self.name = name
        self.layer = timm_layer(name, c1)
        self.gain = ResidualGain(c1, gain)

    def forward(self, x: Tensor) -> Tensor:
        """Refine a map."""
        y = self.layer(x)
        if not is_tracing() and y.shape != x.shape:
            shapes = f"{tuple(x.shape)} -> {tuple(y.shape)}"
            raise BlockArgumentError(f"TimmAttn argument 'name': {self.name!r} changes the shape of its map, {shapes}")
        return self.gain(x, y)


def timm_layer(name: str, channels: int) -> nn.Module:
    """Build a layer of timm for maps of so many channels.

    Raises:
        BlockArgumentError: timm is not installed, or knows no such layer.
    """
    if importlib.util.find_spec("timm") is None:
        raise BlockArgumentError(f"TimmAttn argument 'name': {name!r} needs timm; install it: pip install timm")
    from timm import layers

    classes = {
        key for key, member in vars(layers).items() if isinstance(member, type) and issubclass(member, nn.Module)
    }
    try:
        build = getattr(layers, name) if name in classes else functools.partial(layers.create_attn, name)
        layer: nn.Module | None = build(channels)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        hint = did_you_mean(name, classes)
        reason = f"{type(error).__name__}: {error}"
        raise BlockArgumentError(f"TimmAttn argument 'name': timm can't build {name!r} ({reason}){hint}") from error
    if layer is None:
        raise BlockArgumentError(f"TimmAttn argument 'name': timm has no layer {name!r}{did_you_mean(name, classes)}")
    return layer
