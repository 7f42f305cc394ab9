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
    from yolo_fine.ablation.grid import ablate
    from yolo_fine.assigning.assign import assignment
    from yolo_fine.assigning.sliced_training import slice_dataset
    from yolo_fine.assigning.start import start
    from yolo_fine.block_spec import BlockSpec
    from yolo_fine.catalog import get_block, list_blocks
    from yolo_fine.composer.compose import compose
    from yolo_fine.costs.bench import bench_blocks
    from yolo_fine.costs.bench_models import bench_models
    from yolo_fine.costs.model_list import describe_models
    from yolo_fine.data.check.check import check_dataset
    from yolo_fine.data.convert.coco import convert_coco
    from yolo_fine.data.convert.visdrone import convert_visdrone
    from yolo_fine.evaluation.predict.files import predict
    from yolo_fine.evaluation.run import evaluate
    from yolo_fine.explaining.explain import explain
    from yolo_fine.exporter.export import export
    from yolo_fine.integration.transfer.seed import seed
    from yolo_fine.integration.transfer.transfer_report import transfer_report
    from yolo_fine.linter.lint import lint
    from yolo_fine.registry import block

__all__ = [
    "BlockSpec",
    "__version__",
    "ablate",
    "assignment",
    "bench_blocks",
    "bench_models",
    "block",
    "check_dataset",
    "compose",
    "convert_coco",
    "convert_visdrone",
    "describe_models",
    "enable",
    "evaluate",
    "explain",
    "export",
    "get_block",
    "lint",
    "list_blocks",
    "predict",
    "seed",
    "slice_dataset",
    "start",
    "transfer_report",
]

_PLACES = {
    "BlockSpec": "yolo_fine.block_spec",
    "ablate": "yolo_fine.ablation.grid",
    "assignment": "yolo_fine.assigning.assign",
    "bench_blocks": "yolo_fine.costs.bench",
    "bench_models": "yolo_fine.costs.bench_models",
    "block": "yolo_fine.registry",
    "check_dataset": "yolo_fine.data.check.check",
    "compose": "yolo_fine.composer.compose",
    "convert_coco": "yolo_fine.data.convert.coco",
    "convert_visdrone": "yolo_fine.data.convert.visdrone",
    "describe_models": "yolo_fine.costs.model_list",
    "evaluate": "yolo_fine.evaluation.run",
    "explain": "yolo_fine.explaining.explain",
    "export": "yolo_fine.exporter.export",
    "get_block": "yolo_fine.catalog",
    "lint": "yolo_fine.linter.lint",
    "list_blocks": "yolo_fine.catalog",
    "predict": "yolo_fine.evaluation.predict.files",
    "seed": "yolo_fine.integration.transfer.seed",
    "slice_dataset": "yolo_fine.assigning.sliced_training",
    "start": "yolo_fine.assigning.start",
    "transfer_report": "yolo_fine.integration.transfer.transfer_report",
}

enable()


def __getattr__(name: str) -> object:
    """Load the other names when they are first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module 'yolo_fine' has no attribute '{name}'")
    found = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, whether they are loaded or not."""
    return sorted({*globals(), *__all__})
