# SPDX-License-Identifier: AGPL-3.0-or-later
"""Wraps nine functions of Ultralytics and adds three default callbacks for ``on_train_start``, and nothing else.

The callbacks: :mod:`.assign_callback`, :mod:`.whole_checkpoints` and :mod:`.needed_packages`. The functions:

=====================================  ====================================================================
``ultralytics.nn.tasks.parse_model``       rows that name our blocks                  (:mod:`.parser`)
``ultralytics.nn.tasks.yaml_model_load``   packaged model YAMLs by bare name          (:mod:`.model_files`)
``ultralytics.nn.tasks.check_yaml``        the file that the former has found         (:mod:`.model_files`)
``ultralytics.nn.tasks.torch_safe_load``   our classes under ULTRALYTICS_SAFE_LOAD    (:mod:`.checkpoints`)
``ultralytics.nn.tasks.BaseModel.load``    pretrained tensors follow their layers     (:mod:`.weights`)
``...tasks.DetectionModel.__init__``       ``max_stride`` of a YAML                   (:mod:`.max_stride`)
``ultralytics.data.utils.check_file``      packaged dataset YAMLs by bare name        (:mod:`.model_files`)
``ultralytics.engine.model.Model.train``   unusable weights before a run folder       (:mod:`.checkpoints`)
``ultralytics.engine.model.Model.predict`` ``embed`` of layers with several outputs   (:mod:`.embeddings`)
=====================================  ====================================================================
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

from yolo_fine.integration.versions import upstream_message

Wrapper = Callable[..., Any]


def install(module: ModuleType) -> None:
    """Wrap the functions of one watched module. Never raises: if Ultralytics changed, it warns and leaves it stock."""
    for path, make_wrapper in _wrappers(module.__name__).items():
        place, _, name = path.rpartition(".")
        owner = getattr(module, place, None) if place else module
        stock = getattr(owner, name, None)
        if not callable(stock):
            warnings.warn(upstream_message(f"{module.__name__} has a function {path}"), stacklevel=2)
        elif not getattr(stock, "yolo_fine", False):
            _replace(module, owner, name, make_wrapper(stock))
    if module.__name__ == "ultralytics.nn.tasks":
        from yolo_fine.integration.assign_callback import follow_assign_settings
        from yolo_fine.integration.console import short_messages
        from yolo_fine.integration.needed_packages import note_needed_packages
        from yolo_fine.integration.parsing.parser import name_taken_by
        from yolo_fine.integration.training_hooks import add_default_callback
        from yolo_fine.integration.whole_checkpoints import write_checkpoints_whole
        from yolo_fine.registry import refuse_names

        refuse_names(name_taken_by(module))
        short_messages()
        add_default_callback("on_train_start", follow_assign_settings)
        add_default_callback("on_train_start", write_checkpoints_whole)
        add_default_callback("on_train_start", note_needed_packages)


def _wrappers(module_name: str) -> dict[str, Callable[[Wrapper], Wrapper]]:
    from yolo_fine.integration import checkpoints, embeddings, max_stride, model_files
    from yolo_fine.integration.parsing import parser
    from yolo_fine.integration.transfer import weights

    if module_name == "ultralytics.nn.tasks":
        return {
            "parse_model": parser.wrap_parse_model,
            "yaml_model_load": model_files.wrap_yaml_model_load,
            "check_yaml": model_files.wrap_check_yaml,
            "torch_safe_load": checkpoints.wrap_torch_safe_load,
            "BaseModel.load": weights.wrap_load,
            "DetectionModel.__init__": max_stride.wrap_init,
        }
    if module_name == "ultralytics.engine.model":
        return {"Model.train": checkpoints.wrap_train, "Model.predict": embeddings.wrap_predict}
    return {"check_file": model_files.wrap_check_file}


def _replace(module: ModuleType, owner: Any, name: str, wrapper: Wrapper) -> None:
    """Put the wrapper where the stock function is, also in modules that imported it from ``module`` before us.

    Shared helpers (``check_yaml``, ``check_file``) are replaced in ``module`` alone.
    """
    stock = getattr(owner, name)
    wrapper.yolo_fine = True  # type: ignore[attr-defined]
    setattr(owner, name, wrapper)
    if owner is not module or stock.__module__ != module.__name__:
        return
    for other_name, other in list(sys.modules.items()):
        if other_name.startswith("ultralytics.") and getattr(other, "__dict__", {}).get(name) is stock:
            setattr(other, name, wrapper)
