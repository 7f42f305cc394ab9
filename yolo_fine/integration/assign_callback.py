# SPDX-License-Identifier: AGPL-3.0-or-later
"""Brings the key ``assign:`` of a model's YAML to the trainer that trains it.

One default callback for ``on_train_start``. It does nothing for models without the key. The criterion of the EMA is
another object than the model's, made at the first validation; both are changed, so that the validation loss is of the
same kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yolo_fine.integration.assign_settings import read_assign_settings
from yolo_fine.integration.log import say, warn
from yolo_fine.utils.files import write_json

FILE = "assign.json"


def follow_assign_settings(trainer: Any) -> None:
    """Callback: let model and EMA assign as their YAML says, and note it in the run folder."""
    from ultralytics.utils import torch_utils

    unwrap = getattr(torch_utils, "unwrap_model", None) or torch_utils.de_parallel
    model = unwrap(trainer.model)
    asked = (getattr(model, "yaml", None) or {}).get("assign")
    if asked is None:
        return
    from yolo_fine.integration.assigner import apply_settings

    settings = read_assign_settings(asked, str(model.yaml.get("yaml_file", "model YAML")))
    if settings.is_stock:
        return
    strides = [float(stride) for stride in model.model[-1].stride]
    changed = 0
    for one in (model, getattr(trainer.ema, "ema", None)):
        if one is None:
            continue
        if getattr(one, "criterion", None) is None:
            one.criterion = one.init_criterion()
        changed += apply_settings(one.criterion, settings, strides)
    _report(trainer, settings, strides, changed)


def _report(trainer: Any, settings: Any, strides: list[float], changed: int) -> None:
    from ultralytics import __version__
    from ultralytics.utils import RANK

    if RANK not in (-1, 0):
        return
    if not changed:
        warn("assign: this model's task has an assigner of its own; the settings have no effect")
        return
    say(settings.words)
    record = {**settings.to_dict(), "strides": strides, "ultralytics": __version__}
    write_json(Path(trainer.save_dir) / FILE, record)
