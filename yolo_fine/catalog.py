# SPDX-License-Identifier: AGPL-3.0-or-later
"""The registered blocks by name: the packaged ones, and those of every package that offers some."""

from __future__ import annotations

import importlib
import importlib.metadata
import threading
import warnings

from yolo_fine.block_spec import BlockSpec
from yolo_fine.errors import UnknownBlockError
from yolo_fine.registry import registered
from yolo_fine.utils.hints import did_you_mean

ENTRY_POINT_GROUP = "yolo_fine.blocks"

_lock = threading.RLock()
_loaded: bool | None = False  # None: this thread is at it


def get_block(name: str) -> BlockSpec:
    """Return the block of that name.

    Raises:
        UnknownBlockError: No such block; the message names the nearest ones.
    """
    load_blocks()
    if name not in registered:
        raise UnknownBlockError(f"unknown block '{name}'{did_you_mean(name, registered, block_aliases())}")
    return registered[name]


def list_blocks(kind: str | None = None) -> list[BlockSpec]:
    """All registered blocks by name, or those of one kind."""
    load_blocks()
    return [registered[name] for name in sorted(registered) if kind in (None, registered[name].kind)]


def find_block(name: object) -> BlockSpec | None:
    """The block of that name, or None. Anything that is not a string is no block."""
    load_blocks()
    return registered.get(name) if isinstance(name, str) else None


def block_aliases() -> dict[str, str]:
    """The names by which forks and papers call blocks, each with the block's name here."""
    return {alias: spec.name for spec in list_blocks() for alias in spec.aliases}


def load_blocks() -> None:
    """Import the packaged blocks and every package of the entry-point group ``yolo_fine.blocks``, once.

    Other threads wait until all are there; a package that asks for blocks while it is imported gets those so far.
    """
    global _loaded  # noqa: PLW0603
    if _loaded:
        return
    with _lock:
        if _loaded is not False:
            return
        _loaded = None
        try:
            importlib.import_module("yolo_fine.blocks")
            for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
                try:
                    entry.load()
                except (Exception, SystemExit) as error:  # a broken package must not take every other model down
                    message = f"yolo_fine: the blocks of '{entry.value}' could not be loaded: {error!s}"
                    warnings.warn(message, stacklevel=2)
            _loaded = True
        finally:
            _loaded = bool(_loaded)  # where something went wrong, the next call tries again
