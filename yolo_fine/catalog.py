# SPDX-License-Identifier: AGPL-3.0-or-later
"""The registered blocks by name: the packaged ones, and those of every package that offers some."""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings

from yolo_fine.errors import UnknownBlockError
from yolo_fine.registry import BlockSpec, registered
from yolo_fine.utils.hints import did_you_mean

ENTRY_POINT_GROUP = "yolo_fine.blocks"

_loaded = False


def get_block(name: str) -> BlockSpec:
    """Return the block of that name.

    Raises:
        UnknownBlockError: No such block; the message names the nearest ones.
    """
    load_blocks()
    if name not in registered:
        raise UnknownBlockError(f"unknown block '{name}'{did_you_mean(name, registered)}")
    return registered[name]


def list_blocks(kind: str | None = None) -> list[BlockSpec]:
    """All registered blocks by name, or those of one kind."""
    load_blocks()
    return [registered[name] for name in sorted(registered) if kind in (None, registered[name].kind)]


def find_block(name: object) -> BlockSpec | None:
    """The block of that name, or None. Anything that is not a string is no block."""
    load_blocks()
    return registered.get(name) if isinstance(name, str) else None


def load_blocks() -> None:
    """Import the packaged blocks and every package of the entry-point group ``yolo_fine.blocks``, once."""
    global _loaded  # noqa: PLW0603
    if _loaded:
        return
    _loaded = True
    importlib.import_module("yolo_fine.blocks")
    for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            entry.load()
        except Exception as error:  # a broken third-party package must not take every other model down
            warnings.warn(f"yolo_fine: the blocks of '{entry.value}' could not be loaded: {error}", stacklevel=2)
