# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small-object blocks by name in any stock Ultralytics YOLO model YAML.

Importing this package is cheap (no torch, no Ultralytics) and arms the integration: from then on, model YAMLs may name
the registered blocks. Everything else is loaded when it is first used.
"""

from yolo_fine.integration.startup import enable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yolo_fine.evaluation.run import evaluate
    from yolo_fine.integration.transfer_report import transfer_report
    from yolo_fine.registry import BlockSpec, block, get_block, list_blocks

__version__ = "0.1.0"
__all__ = ["BlockSpec", "__version__", "block", "enable", "evaluate", "get_block", "list_blocks", "transfer_report"]

enable()


def __getattr__(name: str) -> object:
    """Load the other names when they are first asked for."""
    if name == "evaluate":
        from yolo_fine.evaluation.run import evaluate

        return evaluate
    if name == "transfer_report":
        from yolo_fine.integration.transfer_report import transfer_report

        return transfer_report
    if name in __all__:
        from yolo_fine import registry

        return getattr(registry, name)
    raise AttributeError(f"module 'yolo_fine' has no attribute '{name}'")
