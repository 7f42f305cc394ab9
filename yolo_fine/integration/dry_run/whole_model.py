# SPDX-License-Identifier: AGPL-3.0-or-later
"""A whole model built on the meta device by the class that the stock commands would use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from yolo_fine.errors import YoloFineError
from yolo_fine.integration.dry_run.forward import looks_at_numbers, reason
from yolo_fine.integration.log import silent_thread
from yolo_fine.integration.parsing.turns import activation_kept


class StandInNumbers(TorchFunctionMode):
    """Where Ultralytics turns a tensor on the meta device into a number (a stride, for the biases), the number 1."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func`` unless it is ``float(tensor)``."""
        return 1.0 if func is torch.Tensor.__float__ else func(*args, **(kwargs or {}))


def why_not_built(name: str) -> str | None:
    """Build the model of that name as the stock command would, on the meta device.

    Returns:
        Why Ultralytics can't build it; None if it can, or if that can't be told without numbers.
    """
    from ultralytics import RTDETR, YOLO

    model_class = RTDETR if "rtdetr" in Path(name).stem.lower() else YOLO
    try:
        with activation_kept(), silent_thread(), torch.device("meta"), StandInNumbers():
            model_class(name)
    except YoloFineError as error:
        return str(error)
    except Exception as error:  # whatever a model's constructor raises
        return None if looks_at_numbers(error) else reason(error)
    return None
