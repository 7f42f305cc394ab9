# SPDX-License-Identifier: AGPL-3.0-or-later
"""Watches a network while it predicts: what its blocks of ours get and give, and what its head reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from yolo_fine.errors import ArgumentError
from yolo_fine.registry import registered


@dataclass(frozen=True)
class SeenBlock:
    """One block in one forward pass.

    Attributes:
        layer: Index of the row that it stands in.
        place: Its full name in the network, as ``model.16`` or ``model.16.0``.
        module: The block.
        inputs: What ``forward`` was given: a map (B, C, H, W), or several.
        output: What it returned.
    """

    layer: int
    place: str
    module: Any
    inputs: Any
    output: Any


@dataclass
class Watched:
    """What the last forward pass showed.

    Attributes:
        blocks: In the order in which they ran.
        head: The maps that the detection head reads, finest first as its row names them; each (B, C, H, W).
        size: Height and width of the network's input, in pixels.
    """

    blocks: list[SeenBlock] = field(default_factory=list)
    head: list[Any] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)


@contextmanager
def watching(detector: Any) -> Iterator[Watched]:
    """Watch the network of a ``YOLO`` until the block is left. Nothing of it is changed.

    Raises:
        ArgumentError: It has no network that can be watched: it is an exported file.
    """
    network = getattr(detector, "model", None)
    rows = getattr(network, "model", None)
    if rows is None or not hasattr(rows, "named_modules"):
        raise ArgumentError("model: an exported file can't be watched at work; name the checkpoint (best.pt)")
    seen = Watched()

    def start(_module: Any, arguments: tuple[Any, ...]) -> None:
        seen.blocks.clear()
        if arguments and hasattr(arguments[0], "shape"):
            seen.size = (int(arguments[0].shape[2]), int(arguments[0].shape[3]))

    def keep_head(_module: Any, arguments: tuple[Any, ...]) -> None:
        maps = arguments[0] if isinstance(arguments[0], (list, tuple)) else [arguments[0]]
        seen.head = [one.detach() for one in maps]

    with ExitStack() as hooks:
        hooks.callback(rows[0].register_forward_pre_hook(start).remove)
        hooks.callback(rows[-1].register_forward_pre_hook(keep_head).remove)
        for place, module in outermost_blocks(rows):
            hooks.callback(module.register_forward_hook(_keeper(seen, place)).remove)
        yield seen


def outermost_blocks(rows: Any) -> Iterator[tuple[str, Any]]:
    """Place and module of every block of ours that is no part of another one."""
    classes = tuple(spec.cls for spec in registered.values())
    inside: tuple[str, ...] = ()
    for place, module in rows.named_modules():
        if isinstance(module, classes) and not place.startswith(inside or ("?",)):
            inside = (*inside, f"{place}.")
            yield place, module


def _keeper(seen: Watched, place: str) -> Any:
    def keep(module: Any, arguments: tuple[Any, ...], output: Any) -> None:
        layer = int(place.partition(".")[0])
        seen.blocks.append(SeenBlock(layer, f"model.{place}", module, arguments[0], output))

    return keep
