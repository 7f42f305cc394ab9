# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small-object blocks by name in any stock Ultralytics YOLO model YAML.

Importing this package is cheap (no torch, no Ultralytics) and arms the integration: from then on, model YAMLs may name
the registered blocks. Everything else is loaded when it is first used.
"""

import importlib

from yolo_fine._version import __version__
from yolo_fine.import_hook import enable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yolo_fine.catalog import get_block, list_blocks
    from yolo_fine.evaluation.run import evaluate
    from yolo_fine.integration.transfer.transfer_report import transfer_report
    from yolo_fine.registry import BlockSpec, block

__all__ = ["BlockSpec", "__version__", "block", "enable", "evaluate", "get_block", "list_blocks", "transfer_report"]

_PLACES = {
    "BlockSpec": "yolo_fine.registry",
    "block": "yolo_fine.registry",
    "evaluate": "yolo_fine.evaluation.run",
    "get_block": "yolo_fine.catalog",
    "list_blocks": "yolo_fine.catalog",
    "transfer_report": "yolo_fine.integration.transfer.transfer_report",
}

enable()


def __getattr__(name: str) -> object:
    """Load the other names when they are first asked for."""
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'yolo_fine' has no attribute '{name}'")
