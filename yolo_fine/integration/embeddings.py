# SPDX-License-Identifier: AGPL-3.0-or-later
"""``embed=`` of a layer that puts out several maps: those that rows of Pick take from it, side by side.

Ultralytics pools the output of a layer to one vector, which a list of maps is not. Layers of Pick below it hold the
very maps. (``visualize=`` passes over what is no map, and draws those of Pick.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from yolo_fine.catalog import find_block


def wrap_predict(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``Model.predict``: stock, with layers that put out several maps replaced in ``embed``."""

    @functools.wraps(stock)
    def predict(self: Any, *args: Any, **kwargs: Any) -> Any:
        layers = getattr(getattr(self, "model", None), "model", None)
        if kwargs.get("embed") and layers is not None:
            kwargs["embed"] = picked(layers, kwargs["embed"])
        return stock(self, *args, **kwargs)

    return predict


def picked(layers: Iterable[Any], embed: Iterable[int]) -> list[int]:
    """Numbers of layers, each that Pick reads replaced by those of the layers of Pick."""
    pick = find_block("Pick")
    readers: dict[int, list[int]] = {}
    for index, layer in enumerate(layers):
        if pick is not None and isinstance(layer, pick.cls):
            source = layer.f if layer.f >= 0 else index + layer.f  # type: ignore[attr-defined]
            readers.setdefault(source, []).append(index)
    return [number for asked in embed for number in readers.get(asked, [asked])]
